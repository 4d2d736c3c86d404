"""What surfaces, workers and ticks ask the database for: the queries whose cost must not grow."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from sqlalchemy import select, text

from app.artifacts import store as artifacts
from app.db import Database
from app.pipelines import events, store
from app.pipelines.batches import store as batches
from app.pipelines.batches.feeder import Feeder
from app.pipelines.configuration import ConfigurationLoader, RowSource
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.schedules import store as schedules
from app.pipelines.service import PipelineService
from app.queue.consumer import ENTRYPOINT, HEARTBEAT
from app.queue.driver import PoolDriver
from app.queue.listener import Listener
from app.queue.signals import Signals
from app.tables import Pipeline, State, Target
from app.usage import reports
from app.worker import Worker
from tests.benchmarks.contenders.workbench import KINDS
from tests.benchmarks.plans import NotingDriver, Watched
from tests.benchmarks.workload import INSTANT

Query = Callable[[Database], Awaitable[object]]
PAGE = 50
DAYS = 30
MIDDLE = "SELECT min(created_at) + (max(created_at) - min(created_at)) / 2 FROM pipelines"


async def one_finished(database: Database, old: bool) -> UUID:
    """A run that has ended: the newest, or one from the middle of the list."""
    async with database.transaction() as session:
        middle = await session.scalar(text(MIDDLE))
        query = select(Pipeline.id).order_by(Pipeline.created_at.desc()).limit(1)
        found = await session.scalar(query.where(Pipeline.created_at <= middle) if old else query)
        assert found is not None
        return found


async def every(database: Database) -> dict[str, Query]:
    """Name → query, for this database as it is now."""
    run = await one_finished(database, old=True)
    async with database.transaction() as session:
        row = await store.get(session, run)
    deep = store.Cursor(row.created_at, row.id)
    listed = partial(_in_session, store.page, limit=PAGE)
    return {
        "page: newest": partial(listed, after=None),
        "page: after a cursor in the middle": partial(listed, after=deep),
        **{f"page: {state}": partial(listed, after=None, state=state) for state in State},
        "page: cancelled, after a cursor in the middle": partial(listed, after=deep, state=State.CANCELLED),
        "page: batches": partial(_in_session, batches.page, after=None, limit=PAGE),
        "one run: row": partial(_in_session, store.get, run),
        "one run: by the first 8 digits": partial(_in_session, store.beginning_with, str(run)[:8]),
        "one run: phase runs": partial(_in_session, store.phase_runs, run),
        "one run: artifacts": partial(_in_session, artifacts.current, run),
        "one run: events": partial(_in_session, events.since, run, 0),
        "usage: of a run": partial(_in_session, reports.by_phase, run),
        "usage: total of a run": partial(_in_session, reports.total, run),
        "usage: by day, 30 days": partial(_in_session, reports.by_day, DAYS),
        "usage: by model, 30 days": partial(_in_session, reports.by_model, DAYS),
        "usage: total of everything": partial(_in_session, reports.total),
        "worker: sweep": _sweep,
        "worker: dequeue": _dequeue,
        "worker: batches": _feed,
        "worker: schedules": partial(_in_session, schedules.due, None, 10),
    }


async def a_walk(database: Database) -> None:
    """One run from its creation to its end, in two steps, so that it is also picked up with a history."""
    listener = Listener(database.url)
    service = PipelineService(database, ConfigurationLoader(RowSource()), Signals(listener))
    orchestrator = PhaseExecutionOrchestrator(database, KINDS, "benchmark")
    try:
        run = await service.create("An epic", definition=INSTANT.name)
        for target in (Target.STEP, Target.END):
            await service.start(run.id, target, wake_up=False)
            await orchestrator.handle(run.id, asyncio.Event())
        assert (await service.get(run.id)).state == State.SUCCEEDED
    finally:
        await orchestrator.close()
        await listener.close()


async def _in_session(query: Callable[..., Awaitable[object]], *values: object, **options: object) -> object:
    """The database comes last, as `partial` puts it."""
    *given, database = values
    assert isinstance(database, Database)
    async with database.transaction() as session:
        return await query(session, *given, **options)


async def _sweep(database: Database) -> object:
    orchestrator = PhaseExecutionOrchestrator(database, KINDS, "benchmark")
    return await Worker(database, Listener(database.url), orchestrator, "benchmark", 2).sweep()


async def _dequeue(database: Database) -> object:
    if isinstance(database, Watched):
        driver: PoolDriver = NotingDriver(database)
    else:
        driver = PoolDriver(database, Listener(database.url))
    entrypoints = {QueueEntrypoint(ENTRYPOINT): EntrypointExecutionParameter(0)}
    return await Queries(driver).dequeue(
        batch_size=4,
        entrypoints=entrypoints,
        queue_manager_id=QueueManagerId(uuid.uuid4()),
        global_concurrency_limit=8,
        heartbeat_timeout=HEARTBEAT,
    )


async def _feed(database: Database) -> object:
    service = PipelineService(database, ConfigurationLoader(RowSource()), Signals(Listener(database.url)))
    return await Feeder(database, service).tick()
