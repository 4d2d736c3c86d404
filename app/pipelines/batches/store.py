"""Queries over batches and their items."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

import psycopg
from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Gone, Invalid, NotFound, TooLarge
from app.pipelines.store import Cursor, ids_from
from app.tables import Batch, BatchItem, ItemState

MAX_ITEMS = 100_000
CHUNK = 1_000
"""Inputs that are held in memory at once."""
LIVE = "SELECT id FROM batches WHERE finished_at IS NULL ORDER BY created_at"
RATE_S = 60
"""The rate of a batch is what ended within this time."""


async def get(session: AsyncSession, batch_id: UUID, *, lock: bool = False) -> Batch:
    """Raises `NotFound`."""
    query = select(Batch).where(Batch.id == batch_id)
    row = await session.scalar(query.with_for_update(key_share=True) if lock else query)
    if row is None:
        raise NotFound(f"no batch {batch_id}")
    return row


def check_items(batch: Batch) -> None:
    """Raises `Gone` when the items were removed: that is not the same as no items."""
    if batch.pruned_at is not None:
        raise Gone(
            f"the items of batch {batch.id}, which ended on {batch.finished_at:%Y-%m-%d}, were removed on "
            f"{batch.pruned_at:%Y-%m-%d} (WORKBENCH_KEEP_RESULTS_DAYS); its counts, runs and bill are kept",
            pruned_at=batch.pruned_at.isoformat(),
        )


async def take(session: AsyncSession, batch_id: UUID) -> Batch | None:
    """The batch, locked. None: somebody else is at it, or it has its end."""
    return await session.scalar(
        select(Batch)
        .where(Batch.id == batch_id, Batch.finished_at.is_(None))
        .with_for_update(key_share=True, skip_locked=True)
    )


async def live(connection: psycopg.AsyncConnection) -> list[UUID]:
    """Batches without an end, oldest first."""
    return [batch_id for (batch_id,) in await (await connection.execute(LIVE)).fetchall()]


async def page(session: AsyncSession, *, after: Cursor | None, limit: int) -> Sequence[Batch]:
    """Newest first, the rows that come after the cursor."""
    query = select(Batch).order_by(Batch.created_at.desc(), Batch.id.desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(Batch.created_at, Batch.id) < (after.created_at, after.id))
    return (await session.scalars(query)).all()


async def beginning_with(session: AsyncSession, start: str, limit: int = 10) -> Sequence[UUID]:
    """Ids that begin with this text, newest first."""
    ends = ids_from(start)
    if ends is None:
        return []
    query = select(Batch.id).where(Batch.id.between(*ends))
    return (await session.scalars(query.order_by(Batch.created_at.desc()).limit(limit))).all()


async def items(
    session: AsyncSession, batch_id: UUID, *, after: int, limit: int, state: ItemState | None = None
) -> Sequence[BatchItem]:
    """In their order, the items after that number."""
    query = select(BatchItem).where(BatchItem.batch_id == batch_id, BatchItem.number > after)
    if state is not None:
        query = query.where(BatchItem.state == state)
    return (await session.scalars(query.order_by(BatchItem.number).limit(limit))).all()


async def add_items(session: AsyncSession, batch_id: UUID, inputs: Iterator[str]) -> int:
    """Store the inputs, numbered from 1, a few in memory at a time. Returns how many there are.

    Raises `Invalid` for none, `TooLarge` for too many, and what reading them raises.
    """
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    if connection is None:
        raise RuntimeError("the pooled connection has no driver connection")
    number = 0
    copied = "COPY batch_items (batch_id, number, input) FROM STDIN"
    async with connection.cursor() as cursor, cursor.copy(copied) as copy:
        while chunk := await asyncio.to_thread(_next, inputs):
            for found in chunk:
                number += 1
                await copy.write_row((batch_id, number, found))
            if number > MAX_ITEMS:
                raise TooLarge(f"a batch has at most {MAX_ITEMS:,} inputs", place="inputs")
    if number == 0:
        raise Invalid("the batch has no inputs", place="inputs")
    return number


async def end_pending(
    session: AsyncSession, batch: Batch, to: ItemState, error: dict[str, str] | None = None
) -> None:
    """Move every pending item to a state that it ends in. The caller holds the batch's lock."""
    await session.execute(
        update(BatchItem)
        .where(BatchItem.batch_id == batch.id, text("batch_items.state = 'pending'"))
        .values(state=to, error=error or BatchItem.error, ended_at=func.clock_timestamp())
    )
    count(batch, ItemState.PENDING, to, batch.pending)


async def revive_dead(session: AsyncSession, batch: Batch) -> int:
    """Dead letters become pending as if they were new. The caller holds the batch's lock."""
    revived = batch.dead
    await session.execute(
        update(BatchItem)
        .where(BatchItem.batch_id == batch.id, text("batch_items.state = 'dead'"))
        .values(state=ItemState.PENDING, attempts=0, due_at=func.now(), error=None, ended_at=None)
    )
    count(batch, ItemState.DEAD, ItemState.PENDING, revived)
    return revived


def count(batch: Batch, from_: ItemState, to: ItemState, number: int) -> None:
    """So many items went from one state to another."""
    setattr(batch, from_, getattr(batch, from_) - number)
    setattr(batch, to, getattr(batch, to) + number)


async def ended_lately(session: AsyncSession, batch_id: UUID) -> int:
    """Items that ended within the last `RATE_S`."""
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, RATE_S)
    found = await session.scalar(
        select(func.count()).where(BatchItem.batch_id == batch_id, BatchItem.ended_at > since)
    )
    return found or 0


def _next(inputs: Iterator[str]) -> list[str]:
    return list(islice(inputs, CHUNK))
