"""Two workers of one run, stepped by hand through what can happen between them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from app.artifacts import store as artifacts
from app.failpoints import install
from app.pipelines import invariants, store
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.phases.event import EventPhase
from app.pipelines.phases.kind import Ask, PhaseContext, PhaseResult, Waiting
from app.services import open_services
from app.tables import Outcome, PhaseRun, Pipeline, WaitReason
from tests.db.scripted import LIMIT_S, THING, Doing, Engine, Gate, Scripted, soon, thing, working
from tests.db.software import SHOUT, Shop, Team, code

COMMITTED = "git.commit-tree"
"""The commit is an object, and no branch points at it yet."""


def walk(engine: Engine, run: Pipeline, worker: str) -> asyncio.Task[timedelta | None]:
    return asyncio.create_task(engine.orchestrator(worker).handle(run.id, asyncio.Event()))


async def test_who_comes_second_takes_nothing_while_the_first_one_holds_the_run(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    first = walk(engine, run, "a")
    await soon(gate.entered.wait())
    before = await engine.everything()
    assert await soon(walk(engine, run, "b")) is not None
    assert await engine.everything() == before
    gate.opened.set()
    assert await soon(first) is None
    assert await walk(engine, run, "b") is None
    assert await engine.outcomes(run.id) == [("a", "passed")]


async def test_of_two_that_close_the_same_phase_the_one_who_took_it_over_is_heard(engine: Engine) -> None:
    slow, quick = Gate(thing(by="a")), Gate(thing(by="b"))
    run = await engine.queued(slow, a=THING)
    first = walk(engine, run, "a")
    await soon(slow.entered.wait())
    await engine.expire(run)
    engine.kinds["kind-a"] = quick
    second = walk(engine, run, "b")
    await soon(quick.entered.wait())
    before = await engine.everything()
    slow.opened.set()
    assert await soon(first) is not None
    assert await engine.everything() == before, "the one who was late wrote something"
    quick.opened.set()
    assert await soon(second) is None
    async with engine.database.transaction() as session:
        assert await artifacts.current(session, run.id) == {"thing": {"by": "b"}}


async def test_of_two_that_end_at_once_one_is_written(engine: Engine) -> None:
    slow, quick = Gate(thing(by="a")), Gate(thing(by="b"))
    run = await engine.queued(slow, a=THING)
    first = walk(engine, run, "a")
    await soon(slow.entered.wait())
    await engine.expire(run)
    engine.kinds["kind-a"] = quick
    second = walk(engine, run, "b")
    await soon(quick.entered.wait())
    slow.opened.set()
    quick.opened.set()
    await soon(asyncio.gather(first, second))
    assert (await engine.service.get(run.id)).state == "succeeded"
    assert [event.kind for event in await engine.events(run.id)].count("succeeded") == 1
    assert await invariants.check(engine.database, repositories=False) == []


async def test_a_run_whose_wake_up_a_late_worker_used_up_is_found_by_the_sweep(engine: Engine) -> None:
    """A froze and was late; the row of the queue that it ended was the one that B held; then B died."""
    frozen, dying = Gate(), Gate()
    run = await engine.queued(frozen)
    [job] = await jobs(engine)
    first = walk(engine, run, "a")
    await soon(frozen.entered.wait())
    await engine.expire(run)
    engine.kinds["kind-a"] = dying
    second = walk(engine, run, "b")
    await soon(dying.entered.wait())
    frozen.opened.set()
    assert await soon(first) is not None
    async with engine.database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer WHERE id = :job"), {"job": job})
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert await jobs(engine) == []
    worker = engine.worker("c")
    await engine.expire(run)
    engine.kinds["kind-a"] = Scripted()
    async with working(worker):
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"
    assert [outcome for _, outcome in await engine.outcomes(run.id)] == ["abandoned", "abandoned", "passed"]


async def jobs(engine: Engine) -> list[int]:
    async with engine.database.transaction() as session:
        return list((await session.scalars(text("SELECT id FROM pgqueuer"))).all())


@pytest.mark.parametrize("request_", ["pause", "cancel"])
@pytest.mark.parametrize("ends", [PhaseResult(Outcome.PASSED), PhaseResult(Outcome.REJECTED)], ids=str)
async def test_a_request_that_meets_the_end_of_a_phase_is_obeyed(
    engine: Engine, request_: str, ends: PhaseResult
) -> None:
    run = await engine.queued(Scripted(), Scripted(ends), Scripted(), b={"on_reject": "a", "max_rework": 1})
    sent: list[str] = []

    def ask(name: str, done: bool) -> None:
        """Just before the second phase is closed, when the move is decided and its statement is not sent."""
        if name != "database.checkpoint" or done:
            return
        sent.append(name)
        if len(sent) == 3:
            with psycopg.connect(engine.database.url, autocommit=True) as connection:
                connection.execute("UPDATE pipelines SET asked = %s", (request_,))

    install(ask)
    try:
        stopped = await soon(engine.walk(run))
    finally:
        install(None)
    assert stopped.state == {"pause": "paused", "cancel": "cancelled"}[request_]
    assert (stopped.asked, len(sent)) == (None, 4)
    assert await invariants.check(engine.database, repositories=False) == []


async def test_an_event_that_comes_while_the_worker_is_about_to_wait_is_not_missed(engine: Engine) -> None:
    engine.kinds["event"] = event = EventPhase()

    async def receive_and_wait(context: PhaseContext) -> PhaseResult:
        if context.decided(WaitReason.EVENT, "b") is None:
            await engine.service.receive(context.pipeline_id, "b", {"n": 1}, "somebody")
            raise Waiting(Ask(WaitReason.EVENT, "b"))
        return await event.run(context)

    run = await engine.create(Scripted(), EventPhase(), b={"kind": "event"})
    engine.kinds["event"] = Doing(receive_and_wait)
    await engine.service.start(run.id)
    assert (await engine.walk(run)).state == "queued"
    assert (await engine.walk(run)).state == "succeeded"
    assert await engine.outcomes(run.id) == [("a", "passed"), ("b", "waiting"), ("b", "passed")]


async def test_a_worker_frozen_before_its_branch_is_made_and_the_next_one_make_one_commit(
    shop: Shop,
) -> None:
    """A has written its intent and freezes before `update-ref`; B takes over and commits; A wakes up."""
    run = await shop.services.pipelines.create("Greet in capitals", definition="tiny", project="shop")
    await shop.services.pipelines.start(run.id)
    frozen: list[str] = []

    def freeze(name: str, done: bool) -> None:
        """Nothing of A moves while B works, in a thread and an event loop of its own."""
        if name == COMMITTED and done and not frozen:
            frozen.append(name)
            with ThreadPoolExecutor(1) as other:
                other.submit(asyncio.run, take_over(shop, run)).result(LIMIT_S)

    install(freeze)
    try:
        late = PhaseExecutionOrchestrator(
            shop.services.database, shop.kinds(Team(developer=[code(SHOUT)])), "a"
        )
        assert await soon(late.handle(run.id, asyncio.Event())) is not None
    finally:
        install(None)
    assert frozen == [COMMITTED]
    assert shop.person.git("rev-list", "--count", f"main..workbench/{run.id}") == "1"
    assert [each.outcome for each in await phase_runs(shop, run)] == [
        "passed",
        "passed",
        "abandoned",
        "passed",
    ]
    assert await invariants.check(shop.services.database) == []


async def take_over(shop: Shop, run: Pipeline) -> None:
    """What B does: it finishes the run."""
    async with open_services(shop.services.settings) as services:
        other = copy.copy(shop)
        other.services = services
        async with services.database.transaction() as session:
            await session.execute(
                text("UPDATE pipelines SET lease_expires_at = clock_timestamp() - interval '1 s'")
            )
        await other.walk(run, Team())
        assert (await services.pipelines.get(run.id)).state == "succeeded"


async def phase_runs(shop: Shop, run: Pipeline) -> Sequence[PhaseRun]:
    async with shop.services.database.transaction() as session:
        return await store.phase_runs(session, run.id)
