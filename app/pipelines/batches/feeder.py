"""Keeps batches moving: settles what has ended and hands out what is due, a few items at a time."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict
from app.pipelines import creation
from app.pipelines.batches import stacking, store
from app.pipelines.batches.retrying import Draw, full_jitter
from app.pipelines.batches.settling import settle
from app.pipelines.batches.states import end_if_done
from app.pipelines.creation import NewRun, Pinned
from app.pipelines.service import PipelineService
from app.pipelines.snapshots import Snapshots, UnreadableSnapshot
from app.tables import Batch, BatchState, Improvement, ItemState, Priority
from app.usage.budget import Defaults

READY = 8
"""Runs of a batch that wait for a worker, at least, while it has more to do.

Workers take runs in the order in which they were queued, so a batch that queued all it may at once would
hold up every other one.
"""

BUSY_S = 1.0
"""Between two looks while there is a batch to feed."""
QUIET_S = 5.0
"""Between two looks while there is none: who makes a batch feeds it, and its runs are heard to end."""

QUEUED = text(
    """
    SELECT count(*) FROM batch_items i JOIN pipelines p ON p.id = i.pipeline_id
    WHERE i.batch_id = :batch AND i.state = 'running' AND p.state = 'queued'
    """
)
DUE = text(
    """
    SELECT number, input FROM batch_items
    WHERE batch_id = :batch AND state = 'pending' AND due_at <= now()
    ORDER BY due_at, number LIMIT :room
    """
)
STARTED = text(
    """
    UPDATE batch_items i SET state = 'running', attempts = i.attempts + 1, pipeline_id = v.run
    FROM unnest(CAST(:numbers AS int[]), CAST(:runs AS uuid[])) AS v (number, run)
    WHERE i.batch_id = :batch AND i.number = v.number
    """
)
UNDER_WAY = text(
    """
    SELECT p.id FROM batch_items i JOIN pipelines p ON p.id = i.pipeline_id
    WHERE i.batch_id = :batch AND i.state = 'running' AND p.asked IS DISTINCT FROM 'cancel'
      AND p.state NOT IN ('succeeded', 'failed', 'cancelled')
    """
)


class Feeder:
    """Any number of them may work on one database: each batch is locked by one at a time."""

    def __init__(
        self,
        database: Database,
        pipelines: PipelineService,
        draw: Draw = full_jitter,
        defaults: Defaults = Defaults(),  # noqa: B008 - it is frozen
    ) -> None:
        """`defaults`: what every run may take by the settings."""
        self._database = database
        self._pipelines = pipelines
        self._draw = draw
        self._defaults = defaults
        self._snapshots = Snapshots()
        self._rest_s = BUSY_S

    def rest_s(self) -> float:
        """Seconds until the next look, by what the last one found."""
        return self._rest_s

    async def tick(self) -> int:
        """Look at every batch that has no end yet. Returns how many items were moved."""
        async with self._database.connection() as connection:
            batches = await store.live(connection)
        self._rest_s = BUSY_S if batches else QUIET_S
        return sum([await self.feed(batch_id) for batch_id in batches])

    async def feed(self, batch_id: UUID) -> int:
        """Settle and hand out items of one batch. Returns how many; 0 when another feeder is at it."""
        async with self._database.transaction() as session:
            batch = await store.take(session, batch_id)
            if batch is None:
                return 0
            moved = await settle(session, batch, self._draw)
            improvement = await stacking.of(session, batch)
            if improvement is not None and batch.state == BatchState.OPEN:
                await self._stop(session, batch, improvement)
            if batch.state == BatchState.OPEN and batch.pending:
                moved += await self._start(session, batch, improvement, settled=moved)
            cancelled = batch.state == BatchState.CANCELLED and batch.running
        if cancelled:
            await self._cancel_runs(batch_id)
        return moved

    async def _stop(self, session: AsyncSession, batch: Batch, improvement: Improvement) -> None:
        """End an improvement that may not go on; a run that waits for more budget is cancelled."""
        why = await stacking.stop(session, batch, improvement, self._defaults)
        if why is None:
            return
        improvement.stopped = why
        await store.end_pending(session, batch, ItemState.CANCELLED)
        if batch.running:
            batch.state = BatchState.CANCELLED
        end_if_done(batch)

    async def _start(
        self, session: AsyncSession, batch: Batch, improvement: Improvement | None, settled: int
    ) -> int:
        """Queue runs of items that are due, within what the batch may run at once."""
        free = batch.concurrency - batch.running
        if free <= 0:
            return 0
        queued = (await session.execute(QUEUED, {"batch": batch.id})).scalar_one()
        # where much ends, or all that was handed out is being worked on, more may wait
        ready = max(READY, 2 * settled, batch.running // 2)
        room = min(free, ready - queued)
        if room <= 0:
            return 0
        due = await _due(session, batch, improvement, room)
        if not due:
            return 0
        try:
            pinned = await self._pinned(session, batch, improvement)
        except UnreadableSnapshot as error:
            await store.end_pending(
                session, batch, ItemState.DEAD, {"code": error.code, "message": error.message}
            )
            end_if_done(batch)
            return len(due)
        runs = await _queue(session, batch, pinned, due)
        if improvement is not None:
            await stacking.limit(session, batch, improvement, runs, self._defaults)
        return len(due)

    async def _pinned(self, session: AsyncSession, batch: Batch, improvement: Improvement | None) -> Pinned:
        snapshot = await self._snapshots.get(self._database, batch.snapshot)
        base = batch.base_commit if improvement is None else await stacking.head(session, batch)
        return Pinned(snapshot, batch.project_id, base)

    async def _cancel_runs(self, batch_id: UUID) -> None:
        async with self._database.transaction() as session:
            found = (await session.execute(UNDER_WAY, {"batch": batch_id})).scalars().all()
        for run in found:
            try:
                await self._pipelines.cancel(run)
            except Conflict:
                continue  # it has ended meanwhile, or commits: the item is settled by how it ends


async def _due(
    session: AsyncSession, batch: Batch, improvement: Improvement | None, room: int
) -> list[tuple[int, str]]:
    """Number and epic of the items whose time has come."""
    if improvement is not None:
        return await stacking.due(session, batch, improvement)
    rows = await session.execute(DUE, {"batch": batch.id, "room": room})
    return [(number, epic) for number, epic in rows]


async def _queue(
    session: AsyncSession, batch: Batch, pinned: Pinned, due: list[tuple[int, str]]
) -> list[UUID]:
    new = [
        NewRun(epic_description=epic, priority=Priority.BATCH, batch_id=batch.id, batch_item=number)
        for number, epic in due
    ]
    ids = await creation.insert(session, pinned, new, queue=True)
    numbers = [number for number, _ in due]
    await session.execute(STARTED, {"batch": batch.id, "numbers": numbers, "runs": ids})
    store.count(batch, ItemState.PENDING, ItemState.RUNNING, len(due))
    return ids
