"""Keeps batches moving: settles what has ended and hands out what is due, a few items at a time."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict
from app.pipelines import creation
from app.pipelines.batches import store
from app.pipelines.batches.retrying import Draw, full_jitter
from app.pipelines.batches.settling import settle
from app.pipelines.batches.states import end_if_done
from app.pipelines.creation import NewRun, Pinned
from app.pipelines.service import PipelineService
from app.pipelines.snapshots import Snapshots, UnreadableSnapshot
from app.tables import Batch, BatchState, ItemState, Priority

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

    def __init__(self, database: Database, pipelines: PipelineService, draw: Draw = full_jitter) -> None:
        self._database = database
        self._pipelines = pipelines
        self._draw = draw
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
            if batch.state == BatchState.OPEN and batch.pending:
                moved += await self._start(session, batch, settled=moved)
            cancelled = batch.state == BatchState.CANCELLED and batch.running
        if cancelled:
            await self._cancel_runs(batch_id)
        return moved

    async def _start(self, session: AsyncSession, batch: Batch, settled: int) -> int:
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
        due = (await session.execute(DUE, {"batch": batch.id, "room": room})).all()
        if not due:
            return 0
        try:
            pinned = await self._pinned(session, batch)
        except UnreadableSnapshot as error:
            await store.end_pending(
                session, batch, ItemState.DEAD, {"code": error.code, "message": error.message}
            )
            end_if_done(batch)
            return len(due)
        await _queue(session, batch, pinned, [(number, epic) for number, epic in due])
        return len(due)

    async def _pinned(self, session: AsyncSession, batch: Batch) -> Pinned:
        snapshot = await self._snapshots.get(self._database, batch.snapshot)
        return Pinned(snapshot, batch.project_id, batch.base_commit)

    async def _cancel_runs(self, batch_id: UUID) -> None:
        async with self._database.transaction() as session:
            found = (await session.execute(UNDER_WAY, {"batch": batch_id})).scalars().all()
        for run in found:
            try:
                await self._pipelines.cancel(run)
            except Conflict:
                continue  # it has ended meanwhile, or commits: the item is settled by how it ends


async def _queue(session: AsyncSession, batch: Batch, pinned: Pinned, due: list[tuple[int, str]]) -> None:
    new = [
        NewRun(epic_description=epic, priority=Priority.BATCH, batch_id=batch.id, batch_item=number)
        for number, epic in due
    ]
    ids = await creation.insert(session, pinned, new, queue=True)
    numbers = [number for number, _ in due]
    await session.execute(STARTED, {"batch": batch.id, "numbers": numbers, "runs": ids})
    store.count(batch, ItemState.PENDING, ItemState.RUNNING, len(due))
