"""The items of batches that ended long ago; a batch itself stays, with its counts, its runs and its bill."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipelines.retention.policy import Pruned
from app.pipelines.retention.portion import OWNERS, few, number, removed
from app.tables import Batch, BatchItem


def due(age: timedelta) -> Select[UUID, int]:
    """Batches that ended this long ago and have their items still, oldest first; with how many."""
    return (
        select(Batch.id, Batch.total)
        .where(
            Batch.finished_at.is_not(None),
            Batch.pruned_at.is_(None),
            Batch.finished_at <= func.now() - age,
        )
        .order_by(Batch.finished_at)
    )


async def prune_some(session: AsyncSession, age: timedelta) -> Pruned | None:
    """Remove the items of a few batches that are due; None: none is.

    Before and after the transaction a batch has all its items or none, so that results are never those of
    some. Whoever retries its dead letters at the moment is not waited for.
    """
    query = due(age).limit(OWNERS).with_for_update(key_share=True, skip_locked=True)
    ids = few([(row.id, row.total) for row in await session.execute(query)])
    if not ids:
        return None
    items = await removed(session, delete(BatchItem).where(BatchItem.batch_id.in_(ids)))
    await session.execute(update(Batch).where(Batch.id.in_(ids)).values(pruned_at=func.now()))
    return Pruned(batches=len(ids), items=items)


async def preview(session: AsyncSession, age: timedelta) -> Pruned:
    """What is due now."""
    ended = due(age).order_by(None).subquery()
    return Pruned(
        batches=await number(session, select(func.count()).select_from(ended)),
        items=await number(session, select(func.coalesce(func.sum(ended.c.total), 0))),
    )
