"""A command walks the run that it starts; should it vanish, a worker goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, update

from app.errors import Unavailable
from app.pipelines import definitions, store
from app.pipelines.definition import Definition, Phase
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.service import is_finished
from app.services import Services
from app.tables import Pipeline
from app.worker import Worker, work_on
from tests.db.scripted import Gate, Scripted, soon, working


def other_worker(services: Services, kind: Scripted) -> Worker:
    """A worker with settings of its own."""
    orchestrator = PhaseExecutionOrchestrator(services.database, {"mine": kind}, "other")
    return Worker(services.database, services.listener, orchestrator, "other", 8)


async def started(services: Services, *kinds: Scripted) -> Pipeline:
    """A run of one phase per kind that no worker was told of."""
    phases = tuple(Phase(name=f"phase-{number}", kind="mine") for number, _ in enumerate(kinds))
    definition = Definition(name="own", description="Phases of a test", phases=phases)
    async with services.database.transaction() as session:
        await definitions.save(session, definition, {"mine": kinds[0]}, by_person=True)
    run = await services.pipelines.create("An epic", definition="own", profile="recorded")
    return await services.pipelines.start(run.id, wake_up=False)


async def test_a_run_is_walked_by_its_own_process_although_another_worker_is_alive(
    services: Services,
) -> None:
    theirs = Scripted(Unavailable("no key here"))
    mine = Gate()
    async with working(other_worker(services, theirs)):
        run = await started(services, mine)
        own = replace(services, kinds={"mine": mine})
        walk = asyncio.create_task(work_on(own, run.id, asyncio.Event()))
        await soon(mine.entered.wait())
        assert await other_worker(services, theirs).sweep() == 0
        mine.opened.set()
        await soon(walk)
    assert (await services.pipelines.get(run.id)).state == "succeeded"
    assert theirs.seen == []


async def test_a_run_whose_own_process_vanished_is_found_by_the_sweep(services: Services) -> None:
    mine, theirs = Gate(), Scripted()
    run = await started(services, mine)
    own = replace(services, kinds={"mine": mine})
    walk = asyncio.create_task(work_on(own, run.id, asyncio.Event()))
    await soon(mine.entered.wait())
    walk.cancel()
    await asyncio.gather(walk, return_exceptions=True)
    async with services.database.transaction() as session:
        past = func.clock_timestamp() - timedelta(seconds=1)
        await session.execute(update(Pipeline).where(Pipeline.id == run.id).values(lease_expires_at=past))
    worker = other_worker(services, theirs)
    assert await worker.sweep() == 1
    async with working(worker):
        assert (await soon(services.pipelines.wait_until_still(run.id))).state == "succeeded"
    async with services.database.transaction() as session:
        tried = [phase.outcome for phase in await store.phase_runs(session, run.id)]
    assert tried == ["abandoned", "passed"]


async def test_a_process_that_is_told_to_stop_ends_its_phase_and_leaves_the_rest(services: Services) -> None:
    mine = Gate()
    run = await started(services, mine, mine)
    stop = asyncio.Event()
    own = replace(services, kinds={"mine": mine})
    walk = asyncio.create_task(work_on(own, run.id, stop))
    await soon(mine.entered.wait())
    stop.set()
    mine.opened.set()
    await soon(walk)
    left = await services.pipelines.get(run.id)
    assert (left.state, left.position, is_finished(left)) == ("queued", 1, False)
