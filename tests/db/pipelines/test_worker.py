"""A worker takes wake-ups, survives a lost database, and puts lost wake-ups back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.tables import Outcome, Pipeline, WorkerRow
from app.worker import worker_name
from tests.db.scripted import Doing, Engine, Gate, Scripted, soon, working

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

A_MINUTE_LATER = "UPDATE pipelines SET updated_at = updated_at - interval '1 minute'"


async def test_a_worker_walks_the_runs_that_are_queued_and_those_that_come(engine: Engine) -> None:
    early = await engine.queued(Scripted(), Scripted())
    async with working(engine.worker()):
        late = await engine.service.create("Another epic", definition="small")
        await engine.service.start(late.id)
        for run in (early, late):
            assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"


async def test_two_workers_share_the_runs_and_no_phase_runs_twice(engine: Engine) -> None:
    kinds = [Scripted(), Scripted()]
    first = await engine.create(*kinds)
    runs = [first, *[await engine.service.create(f"Epic {n}", definition="small") for n in range(11)]]
    async with working(engine.worker("one"), engine.worker("two")):
        for run in runs:
            await engine.service.start(run.id)
        for run in runs:
            assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"
    assert [len(kind.seen) for kind in kinds] == [12, 12]


async def test_a_run_that_fails_again_and_again_does_not_starve_the_others(engine: Engine) -> None:
    doomed = await engine.queued(Scripted())
    for _ in range(2):
        await engine_crash(engine, doomed.id)
    async with working(engine.worker(attempts=2)):
        other = await engine.service.create("Another epic", definition="small")
        await engine.service.start(other.id)
        assert (await soon(engine.service.wait_until_still(other.id))).state == "succeeded"
        assert (await soon(engine.service.wait_until_still(doomed.id))).state == "failed"


async def engine_crash(engine: Engine, pipeline_id: object) -> None:
    """A worker took the run, died, and its time is up."""
    async with engine.database.transaction() as session:
        await session.execute(
            text(
                "UPDATE pipelines SET state = 'running', worker = 'dead', attempts = attempts + 1, "
                "fence = fence + 1, lease_expires_at = clock_timestamp() WHERE id = :id"
            ),
            {"id": pipeline_id},
        )


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_lost_wake_up_is_put_back_by_the_sweep(engine: Engine, state: str) -> None:
    run = await engine.queued(Scripted())
    if state == "running":
        await engine_crash(engine, run.id)
    async with engine.database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer"))
        await session.execute(text(A_MINUTE_LATER))
    worker = engine.worker()
    assert await worker.sweep() == 1
    assert await worker.sweep() == 0
    async with working(worker):
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"


async def test_the_sweep_leaves_runs_alone_that_nobody_has_to_wake(engine: Engine) -> None:
    gate = Gate()
    await engine.create(Scripted())
    held = await engine.queued(gate)
    walk = asyncio.create_task(engine.orchestrator().handle(held.id, asyncio.Event()))
    await soon(gate.entered.wait())
    async with engine.database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer"))
    assert await engine.worker().sweep() == 0
    gate.opened.set()
    await soon(walk)


async def test_the_sweep_leaves_a_run_to_the_process_that_has_just_started_it(engine: Engine) -> None:
    run = await engine.create(Scripted())
    await engine.service.start(run.id, wake_up=False)
    worker = engine.worker()
    assert await worker.sweep() == 0
    async with engine.database.transaction() as session:
        await session.execute(text(A_MINUTE_LATER))
    assert await worker.sweep() == 1


async def test_a_worker_that_is_told_to_stop_ends_its_phase_and_hands_the_run_back(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate, Scripted())
    stop = asyncio.Event()
    leaving = asyncio.create_task(engine.worker("leaving").work(stop))
    await soon(gate.entered.wait())
    stop.set()
    gate.opened.set()
    await soon(leaving)
    handed = await engine.service.get(run.id)
    assert (handed.state, handed.position, handed.attempts) == ("queued", 1, 0)
    async with working(engine.worker("next")):
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"
    assert len(gate.seen) == 1


async def test_a_worker_says_that_it_is_alive_and_takes_its_leave(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    async with working(engine.worker("me")):
        await soon(engine.service.wait_until_still(run.id))
        assert await engine.service.workers() == 1
    async with engine.database.transaction() as session:
        assert (await session.scalars(select(WorkerRow))).all() == []


async def test_a_worker_of_yesterday_is_forgotten_and_does_not_count(engine: Engine) -> None:
    async with engine.database.transaction() as session:
        for name, ago in (("old", "2 hours"), ("late", "20 seconds")):
            seen = f"clock_timestamp() - interval '{ago}'"
            await session.execute(text(f"INSERT INTO workers VALUES ('{name}', now(), {seen})"))  # noqa: S608
    assert await engine.service.workers() == 0
    run = await engine.queued(Scripted())
    async with working(engine.worker("me")):
        await soon(engine.service.wait_until_still(run.id))
        async with engine.database.transaction() as session:
            assert set(await session.scalars(select(WorkerRow.name))) == {"late", "me"}


async def test_two_workers_never_share_a_name() -> None:
    assert worker_name() != worker_name()


async def test_a_run_ends_once_although_every_connection_is_cut_in_the_middle(engine: Engine) -> None:
    cuts = 0

    async def cut(context: PhaseContext) -> PhaseResult:
        nonlocal cuts
        if cuts < 2:
            cuts += 1
            async with engine.database.transaction() as session:
                await session.execute(text(OTHERS))
        return PhaseResult(Outcome.PASSED)

    run = await engine.queued(Doing(cut), Doing(cut), Scripted())
    async with working(engine.worker(lease_s=1)):
        assert (await soon(still(engine, run))).state == "succeeded"
    passed = [phase for phase, outcome in await engine.outcomes(run.id) if outcome == "passed"]
    assert passed == ["a", "b", "c"]
    events = await engine.events(run.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events].count("succeeded") == 1


async def still(engine: Engine, run: Pipeline) -> Pipeline:
    """The run at rest; a connection that is cut while we look is ours, so we look again."""
    while True:
        with contextlib.suppress(OperationalError):
            return await engine.service.wait_until_still(run.id)
