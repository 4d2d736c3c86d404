"""What surfaces, workers and ticks ask the database for: the queries whose cost must not grow."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.db import Database
from app.limits import statements
from app.limits.slot import Slot
from app.pipelines import events, store, waits
from app.pipelines.batches import results
from app.pipelines.batches import store as batches
from app.pipelines.batches.feeder import Feeder
from app.pipelines.batches.inputs import Format
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.deliveries import store as deliveries
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.retention import expired, history, items
from app.pipelines.rows import RowSource
from app.pipelines.schedules import store as schedules
from app.pipelines.service import PipelineService
from app.queue.consumer import ENTRYPOINT, HEARTBEAT
from app.queue.driver import PoolDriver
from app.queue.listener import Listener
from app.queue.signals import Signals
from app.tables import Batch, ItemState, Pipeline, Priority, State, Target
from app.usage import daily, reports
from app.worker import Worker
from app.worker.sweep import FIRST, LOST_WAKEUPS, ORPHANS
from tests.benchmarks.contenders.workbench import KINDS
from tests.benchmarks.plans import NotingDriver, Watched
from tests.benchmarks.workload import INSTANT

Query = Callable[[Database], Awaitable[object]]
PAGE = 50
DAYS = 30
KEPT = timedelta(days=30)
DEAD = ItemState.DEAD
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
        ended = select(Batch.id).where(Batch.finished_at.is_not(None))
        batch = await session.scalar(ended.order_by(Batch.created_at.desc()).limit(1))
    deep = store.Cursor(row.created_at, row.id)
    listed = partial(_in_session, store.page, limit=PAGE)
    return {
        "page: newest": partial(listed, after=None),
        "page: after a cursor in the middle": partial(listed, after=deep),
        **{f"page: {state}": partial(listed, after=None, state=state) for state in State},
        "page: cancelled, after a cursor in the middle": partial(listed, after=deep, state=State.CANCELLED),
        "page: batches": partial(_in_session, batches.page, after=None, limit=PAGE),
        "one batch: by the first 8 digits": partial(_in_session, batches.beginning_with, str(batch)[:8]),
        "one batch: items": partial(_in_session, batches.items, batch, after=0, limit=PAGE),
        "one batch: dead letters": partial(
            _in_session, batches.items, batch, after=0, limit=PAGE, state=DEAD
        ),
        "one batch: results": partial(_results, batch),
        "one batch: bill": partial(_in_session, reports.of_batch, batch),
        "one schedule: ticks": partial(_in_session, schedules.ticks, "filled-1", PAGE),
        "one run: row": partial(_in_session, store.get, run),
        "one run: by the first 8 digits": partial(_in_session, store.beginning_with, str(run)[:8]),
        "one run: phase runs": partial(_in_session, store.phase_runs, run),
        "one run: artifacts": partial(_in_session, artifacts.current, run),
        "one run: events": partial(_in_session, events.since, run, 0),
        "one run: waits": partial(_in_session, waits.of_run, run),
        "one run: deliveries": partial(_in_session, deliveries.of_run, run),
        "one delivery: by its key": partial(_in_session, deliveries.by_key, "0" * 64),
        "page: waits, none": partial(_in_session, waits.page),
        "usage: of a run": partial(_in_session, reports.by_phase, run),
        "usage: total of a run": partial(_in_session, reports.total, run),
        "usage: by day, 30 days": partial(_in_session, reports.by_day, DAYS),
        "usage: by model, 30 days": partial(_in_session, reports.by_model, DAYS),
        "usage: total of everything": partial(_in_session, reports.total),
        "worker: sweep": _sweep,
        "worker: sweep that finds something": _lost,
        "worker: dequeue": _dequeue,
        "worker: batches": _feed,
        "worker: schedules": _schedules,
        "worker: schedules that are due": partial(_in_session, schedules.due, None, 10),
        "worker: old ticks of a schedule": partial(_undone, schedules.forget_old_ticks, "filled-1"),
        "worker: a call within limits": _limited_call,
        "worker: add the ledger up": daily.add_up,
        "retention: history of a few runs": partial(_undone, history.prune_some, age=KEPT),
        "retention: items of a few batches": partial(_undone, items.prune_some, age=KEPT),
        "retention: what has expired": partial(_undone, expired.prune_some),
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


async def _undone(change: Callable[..., Awaitable[object]], *values: object, **options: object) -> object:
    """Carried out and taken back, so that it can be done again; the database comes last."""
    *given, database = values
    assert isinstance(database, Database)
    async with AsyncSession(database.engine) as session:
        return await change(session, *given, **options)


async def _results(batch: UUID, database: Database) -> object:
    return [part async for part in results.lines(database, batch, Format.JSONL)]


async def _limited_call(database: Database) -> object:
    """The plans inside of the functions are not seen; their tables have a row for each call in flight."""
    slot = Slot("backend:benchmark", "profile:local", 100, Priority.INTERACTIVE, None)
    async with database.connection() as connection:
        asked = await statements.ask(connection, slot, "benchmark")
        await statements.keep(connection, "benchmark")
        await statements.release(connection, slot, "benchmark")
    return asked


async def _sweep(database: Database) -> object:
    orchestrator = PhaseExecutionOrchestrator(database, KINDS, "benchmark")
    return await Worker(database, Listener(database.url), orchestrator, "benchmark", 2).sweep()


async def _lost(database: Database) -> object:
    """What a sweep does once there is something late."""
    async with database.transaction() as session:
        await session.execute(ORPHANS, {"first": FIRST})
        await session.execute(LOST_WAKEUPS)
        return await waits.expire(session)


async def _schedules(database: Database) -> object:
    async with database.connection() as connection:
        return await schedules.look(connection, None)


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
