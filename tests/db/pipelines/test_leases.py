"""One worker holds a run; a worker that lost it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.artifacts import store as artifacts
from app.errors import NotFound
from app.pipelines import checkpoints, leases
from app.pipelines.attempts import REMEDY
from app.pipelines.checkpoints import Checkpoint, Ended, Written
from app.pipelines.leases import Held, Lease, StaleFence
from app.pipelines.moves import Move, Standing
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.snapshots import Snapshots
from app.pipelines.walk import FREE_LOSSES
from app.tables import Asked, Outcome, Pipeline, State
from tests.db.scripted import LIMIT_S, PASS, THING, Doing, Engine, Gate, Scripted, soon, thing

START = Standing(0, 0)


async def opened(engine: Engine, held: Held) -> int:
    """The first phase of the run, open."""
    snapshot = await Snapshots().get(engine.database, held.snapshot)
    opens = Checkpoint(Move(State.RUNNING, START), held.attempts, (), opens=snapshot.phases[0])
    async with engine.database.connection() as connection:
        written = await checkpoints.write(connection, held, opens)
    assert written.opened is not None
    return written.opened


async def test_the_fence_grows_with_every_lease(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    first = await engine.taken(run)
    await engine.expire(run)
    second = await engine.taken(run, "other")
    assert (second.lease.fence, second.attempts) == (first.lease.fence + 1, 2)
    assert (await engine.service.get(run.id)).worker == "other"


async def test_a_lease_that_is_held_is_busy_until_it_expires(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    await engine.taken(run)
    assert await engine.take(run, "other") is None
    again = await engine.orchestrator("other").handle(run.id, asyncio.Event())
    assert again is not None
    assert timedelta(seconds=50) < again < timedelta(seconds=61)
    await engine.expire(run)
    assert await engine.take(run, "other") is not None


async def test_of_many_workers_that_reach_for_a_run_at_once_one_gets_it(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    got = await asyncio.gather(*(engine.take(run, f"w{number}") for number in range(8)))
    assert len([held for held in got if held is not None]) == 1


async def test_a_run_that_is_gone_has_no_lease(engine: Engine) -> None:
    gone = Pipeline(id=uuid4())
    assert await engine.take(gone) is None
    async with engine.database.connection() as connection:
        assert await leases.peek(connection, gone.id) is None
    with pytest.raises(NotFound):
        async with engine.database.transaction() as session:
            await leases.fenced(session, Lease(gone.id, 1))


async def test_renewing_holds_all_leases_longer_and_tells_what_was_asked(engine: Engine) -> None:
    runs = [await engine.queued(Scripted()) for _ in range(3)]
    held = [(await engine.taken(run)).lease for run in runs]
    for run in runs:
        await engine.expire(run)
    await engine.service.cancel(runs[0].id)
    await engine.service.pause(runs[1].id)
    async with engine.database.connection() as connection:
        asked = await leases.renew(connection, held, 60)
    assert asked == {runs[0].id: Asked.CANCEL, runs[1].id: Asked.PAUSE, runs[2].id: None}
    assert [await engine.take(run, "other") for run in runs] == [None] * 3


async def test_a_lease_that_was_taken_over_is_not_renewed_and_the_others_are(engine: Engine) -> None:
    lost, kept = await engine.queued(Scripted()), await engine.queued(Scripted())
    held = [(await engine.taken(run)).lease for run in (lost, kept)]
    await engine.expire(lost)
    await engine.taken(lost, "other")
    before = await engine.service.get(lost.id)
    async with engine.database.connection() as connection:
        assert await leases.renew(connection, held, 6000) == {kept.id: None}
    assert (await engine.service.get(lost.id)).lease_expires_at == before.lease_expires_at


async def test_a_renewal_does_not_wait_for_a_row_that_a_request_has_locked(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    held = await engine.taken(run)
    async with engine.database.transaction() as session:
        await leases.fenced(session, held.lease)
        async with engine.database.connection() as connection:
            assert await soon(leases.renew(connection, [held.lease], 60)) == {run.id: None}


Write = Callable[[psycopg.AsyncConnection, Held, int], Awaitable[object]]


def writes(state: State, outcome: Outcome | None = None, **parts: Any) -> Write:
    """A checkpoint that moves the run to the state, and closes its phase with the outcome."""

    async def write(connection: psycopg.AsyncConnection, held: Held, phase_run: int) -> Written:
        spec = parts["spec"]
        error = {"code": "x", "message": "x"} if state is State.FAILED else None
        result = PhaseResult(outcome, artifact={"a": 1}) if outcome else None
        ended = Ended(phase_run, spec, result) if result else None
        opens = spec if state is State.RUNNING else None
        move = Move(state, START, error=error)
        return await checkpoints.write(connection, held, Checkpoint(move, 0, (("x", {}),), ended, opens))

    return write


async def progress(connection: psycopg.AsyncConnection, held: Held, phase_run: int) -> None:
    await checkpoints.append(connection, held, "half_way", {})


KINDS: dict[str, tuple[State, Outcome | None]] = {
    "open": (State.RUNNING, None),
    "close and go on": (State.RUNNING, Outcome.PASSED),
    "close and end": (State.SUCCEEDED, Outcome.PASSED),
    "fail": (State.FAILED, Outcome.FAILED),
    "hand back": (State.QUEUED, Outcome.ABANDONED),
    "give up": (State.FAILED, None),
    "cancel": (State.CANCELLED, Outcome.CANCELLED),
    "pause": (State.PAUSED, Outcome.PASSED),
    "wait": (State.WAITING, Outcome.WAITING),
}


@pytest.mark.parametrize("kind", [*KINDS, "progress"])
async def test_a_stale_fence_writes_nothing(engine: Engine, kind: str) -> None:
    run = await engine.queued(Scripted(), a=THING)
    held = await engine.taken(run)
    phase_run = await opened(engine, held)
    spec = (await Snapshots().get(engine.database, held.snapshot)).phases[0]
    await engine.expire(run)
    await engine.taken(run, "other")
    before = await engine.everything()
    write = progress if kind == "progress" else writes(*KINDS[kind], spec=spec)
    with pytest.raises(StaleFence, match="taken over"):
        async with engine.database.connection() as connection:
            await write(connection, held, phase_run)
    assert await engine.everything() == before


@pytest.mark.parametrize("kind", [*KINDS, "progress"])
async def test_a_finished_run_is_written_by_nobody(engine: Engine, kind: str) -> None:
    run = await engine.queued(Scripted(thing(a=1)), a=THING)
    held = await engine.taken(run)
    await engine.expire(run)
    ended = await engine.walk(run)
    last = Held(**{**vars(held), "lease": Lease(run.id, ended.fence)})
    spec = (await Snapshots().get(engine.database, held.snapshot)).phases[0]
    [phase_run] = await engine.phase_runs(run.id)
    before = await engine.everything()
    write = progress if kind == "progress" else writes(*KINDS[kind], spec=spec)
    async with engine.database.connection() as connection:
        with pytest.raises(StaleFence):
            await write(connection, last, phase_run.id)
        assert await leases.renew(connection, [last.lease], 60) == {}
    assert await engine.everything() == before


async def test_a_phase_can_not_write_with_a_stale_fence(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    held = await engine.taken(run)
    async with engine.database.transaction() as session:
        assert (await leases.fenced(session, held.lease)).id == run.id
    await engine.expire(run)
    await engine.taken(run, "other")
    with pytest.raises(StaleFence):
        async with engine.database.transaction() as session:
            await leases.fenced(session, held.lease)


async def test_a_frozen_worker_wakes_up_and_writes_nothing(engine: Engine) -> None:
    frozen = Gate(thing(by="frozen"))
    run = await engine.queued(frozen, a=THING)
    sleeper = asyncio.create_task(engine.orchestrator("frozen").handle(run.id, asyncio.Event()))
    await soon(frozen.entered.wait())
    await engine.expire(run)
    engine.kinds["kind-a"] = Scripted(thing(by="other"))
    assert (await engine.walk(run, worker="other")).state == "succeeded"
    before = await engine.everything()
    frozen.opened.set()
    assert await soon(sleeper) is not None
    assert await engine.everything() == before
    async with engine.database.transaction() as session:
        assert await artifacts.current(session, run.id) == {"thing": {"by": "other"}}
    assert await engine.outcomes(run.id) == [("a", "abandoned"), ("a", "passed")]


async def test_a_frozen_worker_that_tells_of_its_progress_is_not_heard(engine: Engine) -> None:
    async def freeze_and_tell(context: PhaseContext) -> PhaseResult:
        async with engine.database.transaction() as session:
            await session.execute(text("UPDATE pipelines SET fence = fence + 1"))
        await context.progress("half_way", {})
        raise AssertionError("a stale fence writes nothing")

    run = await engine.queued(Doing(freeze_and_tell))
    assert await engine.orchestrator().handle(run.id, asyncio.Event()) is not None
    assert "half_way" not in [event.kind for event in await engine.events(run.id)]


async def test_a_database_that_is_lost_in_a_phase_does_not_fail_the_run(engine: Engine) -> None:
    run = await engine.queued(Scripted(OperationalError("SELECT", {}, Exception("gone"))))
    again = await engine.orchestrator().handle(run.id, asyncio.Event())
    handed = await engine.service.get(run.id)
    assert (handed.state, handed.attempts, again) == ("queued", 0, timedelta(seconds=0.5))
    assert (await engine.walk(run)).state == "succeeded"
    assert await engine.outcomes(run.id) == [("a", "abandoned"), ("a", "passed")]


async def test_the_pause_grows_with_each_time_that_a_phase_loses_the_database(engine: Engine) -> None:
    lost = OperationalError("SELECT", {}, Exception("gone"))
    run = await engine.queued(Scripted(*[lost] * 8))
    pauses = [await engine.orchestrator().handle(run.id, asyncio.Event()) for _ in range(8)]
    assert [pause and pause.total_seconds() for pause in pauses] == [0.5, 1, 2, 4, 8, 16, 30, 30]


async def test_a_phase_that_loses_the_database_again_and_again_fails_the_run(engine: Engine) -> None:
    lost = OperationalError("SELECT", {}, Exception("gone"))
    run = await engine.queued(Scripted(*[lost] * 99))
    for _ in range(FREE_LOSSES + 4):
        await engine.walk(run, attempts=3)
    ended = await engine.service.get(run.id)
    assert (ended.state, ended.error and ended.error["code"]) == ("failed", "too_many_attempts")
    assert ended.error
    assert f"the database was lost {FREE_LOSSES + 3} times" in ended.error["message"]
    assert "died" not in ended.error["message"]
    assert len(await engine.phase_runs(run.id)) == FREE_LOSSES + 3


async def test_a_worker_that_lost_its_lease_stops_its_phase(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    orchestrator = engine.orchestrator("frozen", lease_s=0.4)
    sleeper = asyncio.create_task(orchestrator.handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    async with engine.database.transaction() as session:
        await session.execute(text("UPDATE pipelines SET fence = fence + 1"))
    assert await soon(sleeper) is not None
    assert gate.stopped


async def test_a_lease_is_renewed_for_as_long_as_a_phase_takes(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    walk = asyncio.create_task(engine.orchestrator(lease_s=0.8).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    first = (await engine.service.get(run.id)).lease_expires_at
    async with asyncio.timeout(LIMIT_S):
        while (await engine.service.get(run.id)).lease_expires_at == first:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
    gate.opened.set()
    await soon(walk)
    assert (await engine.service.get(run.id)).state == "succeeded"


async def test_an_expired_lease_is_taken_over_after_the_last_closed_phase(engine: Engine) -> None:
    first, second = Scripted(), Gate()
    run = await engine.queued(first, second)
    dying = asyncio.create_task(engine.orchestrator("dying").handle(run.id, asyncio.Event()))
    await soon(second.entered.wait())
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await engine.expire(run)
    second.opened.set()
    assert (await engine.walk(run, worker="other")).state == "succeeded"
    assert len(first.seen) == 1
    tries = [(each.phase, each.attempt, each.outcome) for each in await engine.phase_runs(run.id)]
    assert tries == [("a", 0, "passed"), ("b", 0, "abandoned"), ("b", 1, "passed")]


async def test_a_run_whose_workers_die_again_and_again_fails_and_says_so(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    for _ in range(3):
        held = await engine.taken(run)
        async with engine.database.connection() as connection:
            await checkpoints.abandon(connection, held)
        await opened(engine, held)
        await engine.expire(run)
    ended = await engine.walk(run, attempts=3)
    assert ended.error == {
        "phase": "a",
        "code": "too_many_attempts",
        "message": f"phase a was tried 3 times and never ended: its worker died 3 times; {REMEDY}",
    }
    assert [outcome for _, outcome in await engine.outcomes(run.id)] == ["abandoned"] * 3


async def test_a_phase_that_ends_gives_the_attempts_back(engine: Engine) -> None:
    gate = Gate(PASS)
    run = await engine.queued(Scripted(), gate)
    for _ in range(2):
        await engine.taken(run)
        await engine.expire(run)
    walk = asyncio.create_task(engine.orchestrator(attempts=3).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    assert (await engine.service.get(run.id)).attempts == 0
    gate.opened.set()
    await soon(walk)
