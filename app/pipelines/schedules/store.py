"""Schedules and their ticks as rows: write, read, pause, remove."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import DateTime, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, unknown
from app.pipelines.schedules.cron import Cron, parse
from app.pipelines.schedules.schedule import ScheduleDraft
from app.tables import Schedule, ScheduleTick

KEPT_TICKS = 1000
"""Of each schedule."""
LOOK = """
    SELECT EXISTS (SELECT FROM schedules WHERE NOT paused AND next_at <= {at}),
           60 - mod(extract(epoch FROM {at}), 60)
"""


@dataclass(frozen=True)
class Look:
    """Whether a tick has come, and how long no other one can."""

    is_due: bool
    to_next_minute_s: float


async def clock(session: AsyncSession) -> datetime:
    """The database's: the one that all workers share."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def add(session: AsyncSession, draft: ScheduleDraft, cron: Cron) -> Schedule:
    """A new schedule that was checked. Raises `Conflict` when there is one of that name."""
    made: Schedule | None = await session.scalar(
        insert(Schedule)
        .values(**_values(draft), paused=False, number=0, next_at=_next(cron, await clock(session)))
        .on_conflict_do_nothing()
        .returning(Schedule)
    )
    if made is None:
        raise Conflict(f"the schedule {draft.name!r} exists: PUT /schedules/{draft.name} changes it")
    return made


async def save(session: AsyncSession, draft: ScheduleDraft, cron: Cron) -> Schedule:
    """Write the checked schedule, new or whole. Pausing and the number of its ticks stay as they are.

    Its next tick changes only with the times: an edit at nine o'clock does not lose the tick of nine o'clock.
    """
    row = await session.get(Schedule, draft.name, with_for_update=True)
    if row is None:
        return await add(session, draft, cron)
    same = (row.cron.split(), row.timezone) == (draft.cron.split(), draft.timezone)
    for field, value in _values(draft).items():
        setattr(row, field, value)
    if not same:
        row.next_at = _next(cron, await clock(session))
    row.last_error = None
    row.edited_at = func.clock_timestamp()
    await session.flush()
    await session.refresh(row)
    return row


async def get(session: AsyncSession, name: str, *, lock: bool = False) -> Schedule:
    """Raises `NotFound` naming the schedules there are."""
    row = await session.get(Schedule, name, with_for_update=lock)
    if row is None:
        raise unknown("schedule", name, [schedule.name for schedule in await every(session)])
    return row


async def every(session: AsyncSession) -> Sequence[Schedule]:
    return (await session.scalars(select(Schedule).order_by(Schedule.name))).all()


async def pause(session: AsyncSession, name: str) -> Schedule:
    """No tick from now on, until it is resumed. Pausing twice is pausing once."""
    row = await get(session, name, lock=True)
    row.paused = True
    return row


async def resume(session: AsyncSession, name: str) -> Schedule:
    """Go on with the next tick from now; those that came while it was paused are not made up."""
    row = await get(session, name, lock=True)
    if row.paused:
        row.next_at = _next(parse(row.cron, row.timezone), await clock(session))
        row.paused = False
        row.last_error = None
    return row


async def remove(session: AsyncSession, name: str) -> None:
    """The schedule and the record of its ticks; the runs that it started stay. Raises `NotFound`."""
    await session.delete(await get(session, name, lock=True))


async def ticks(session: AsyncSession, name: str, limit: int) -> Sequence[ScheduleTick]:
    """Newest first."""
    rows = await session.scalars(
        select(ScheduleTick)
        .where(ScheduleTick.schedule == name)
        .order_by(ScheduleTick.tick_at.desc())
        .limit(limit)
    )
    return rows.all()


async def look(connection: psycopg.AsyncConnection, now: datetime | None) -> Look:
    """At one moment: the database's unless it is given."""
    query = LOOK.format(at="now()" if now is None else "%(now)s::timestamptz")
    row = await (await connection.execute(query.encode(), {"now": now})).fetchone()
    assert row is not None  # noqa: S101 - it asks for one row
    return Look(row[0], float(row[1]))


async def due(session: AsyncSession, now: datetime | None, limit: int) -> list[tuple[Schedule, datetime]]:
    """The schedules whose next tick has come, the longest due first, each with the time it was found at."""
    at = (
        func.now() if now is None else literal(now, DateTime(timezone=True))
    )  # clock_timestamp() uses no index
    rows = await session.execute(
        select(Schedule, at)
        .where(~Schedule.paused, Schedule.next_at <= at)
        .order_by(Schedule.next_at)
        .limit(limit)
    )
    return [(schedule, found_at) for schedule, found_at in rows]


async def unchanged(session: AsyncSession, seen: Schedule, *, wait: bool) -> Schedule | None:
    """The row, locked, if it is still as it was seen; None: somebody else was faster, or is at it."""
    return await session.scalar(
        select(Schedule)
        .where(
            Schedule.name == seen.name,
            Schedule.next_at == seen.next_at,
            Schedule.number == seen.number,
            Schedule.edited_at.is_not_distinct_from(seen.edited_at),
            Schedule.paused == seen.paused,
        )
        .with_for_update(skip_locked=not wait)
    )


async def unseen(session: AsyncSession, name: str, at: Collection[datetime]) -> set[datetime]:
    """Those of the ticks that have no row. The caller has locked the schedule."""
    known = await session.scalars(
        select(ScheduleTick.tick_at).where(ScheduleTick.schedule == name, ScheduleTick.tick_at.in_(at))
    )
    return set(at) - set(known)


async def forget_old_ticks(session: AsyncSession, name: str) -> None:
    """A schedule that ticks every minute for years keeps its newest ticks only."""
    oldest = (
        select(ScheduleTick.tick_at)
        .where(ScheduleTick.schedule == name)
        .order_by(ScheduleTick.tick_at.desc())
        .offset(KEPT_TICKS - 1)
        .limit(1)
        .scalar_subquery()
    )
    await session.execute(
        delete(ScheduleTick).where(ScheduleTick.schedule == name, ScheduleTick.tick_at < oldest)
    )


def _next(cron: Cron, now: datetime) -> datetime:
    found = cron.after(now)
    assert found is not None  # noqa: S101 - it was checked that the next one comes within five years
    return found


def _values(draft: ScheduleDraft) -> dict[str, Any]:
    return draft.model_dump(mode="json")
