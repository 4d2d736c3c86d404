"""The rows of the response cache: whoever changes them holds the row of their size."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import CachedAnswer, CacheSize

MOST = 1_000
"""Answers that one statement removes at most, so that no lock lasts."""


@dataclass(frozen=True)
class CacheState:
    entries: int
    bytes: int
    """Answers before Postgres compresses them, and what their rows take."""


async def state(session: AsyncSession) -> CacheState:
    entries = (await session.execute(select(func.count()).select_from(CachedAnswer))).scalar_one()
    return CacheState(entries, await session.scalar(select(CacheSize.bytes)) or 0)


async def lock(session: AsyncSession) -> int:
    """Bytes in use; nobody else changes what is kept until the transaction ends."""
    row = insert(CacheSize).values(id=1, bytes=0)
    row = row.on_conflict_do_update(index_elements=["id"], set_={"bytes": CacheSize.bytes})
    return (await session.execute(row.returning(CacheSize.bytes))).scalar_one()


async def set_size(session: AsyncSession, used: int) -> None:
    await session.execute(update(CacheSize).values(bytes=max(0, used)))


async def remove(session: AsyncSession, condition: ColumnElement[bool]) -> list[int]:
    """The sizes of what is gone."""
    statement = delete(CachedAnswer).where(condition).returning(CachedAnswer.size)
    return list(await session.scalars(statement))


async def make_room(session: AsyncSession, needed: int) -> int:
    """Bytes that became free; fewer than needed when very many small answers are in the way."""
    return sum(await remove(session, oldest(needed))) if needed > 0 else 0


async def shrink_some(session: AsyncSession, max_bytes: int) -> int:
    """Remove some answers that have expired or are too many; 0: there are none. Returns how many.

    It counts what is there, so a size that somebody's SQL has put wrong is right again afterwards.
    """
    await lock(session)
    used = (await session.execute(select(func.coalesce(func.sum(CachedAnswer.size), 0)))).scalar_one()
    gone = await remove(session, CachedAnswer.key.in_(select(CachedAnswer.key).where(expired()).limit(MOST)))
    if not gone and used > max_bytes:
        gone = await remove(session, oldest(used - max_bytes))
    await set_size(session, used - sum(gone))
    return len(gone)


async def due(session: AsyncSession) -> int:
    """How many answers have expired."""
    return (await session.execute(select(func.count()).where(expired()))).scalar_one()


def expired() -> ColumnElement[bool]:
    return CachedAnswer.expires_at <= func.now()  # now() and not the clock: an index takes it


def oldest(needed: int) -> ColumnElement[bool]:
    """Those that were not used for the longest, as many as take so many bytes."""
    some = select(CachedAnswer.key, CachedAnswer.size, CachedAnswer.last_used_at)
    first = some.order_by(CachedAnswer.last_used_at, CachedAnswer.key).limit(MOST).subquery()
    until = func.sum(first.c.size).over(order_by=(first.c.last_used_at, first.c.key))
    counted = select(first.c.key, (until - first.c.size).label("before")).subquery()
    return CachedAnswer.key.in_(select(counted.c.key).where(counted.c.before < needed))
