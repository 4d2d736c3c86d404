"""Puts back the wake-ups that were lost, and decides what nobody decided in time."""

from __future__ import annotations

import logging

from sqlalchemy import text

from app.db import Database
from app.pipelines import waits
from app.queue.wakeups import wake

log = logging.getLogger(__name__)

FIRST = 10
"""Priority of a run whose worker was lost: before all that have not begun."""

ORPHANED = "SELECT id FROM pipelines WHERE state = 'running' AND lease_expires_at < clock_timestamp()"
ORPHANS = text(
    f"""
    {ORPHANED} AND id = ANY (ARRAY(
        {ORPHANED}
        EXCEPT
        SELECT convert_from(payload, 'UTF8')::uuid FROM pgqueuer
        WHERE entrypoint = 'run_pipeline' AND status = 'queued' AND priority = :first
      ))
    FOR UPDATE SKIP LOCKED
    """  # noqa: S608 - constants
)
"""Runs whose worker was lost. The job it had would be found too, but behind all that is queued."""

UNTAKEN = """
    SELECT id FROM pipelines
    WHERE state = 'queued' AND updated_at < clock_timestamp() - interval '3 seconds'
"""
LOST_WAKEUPS = text(
    f"""
    SELECT id, priority FROM pipelines
    WHERE state = 'queued' AND id = ANY (ARRAY(
        {UNTAKEN}
        EXCEPT
        SELECT convert_from(payload, 'UTF8')::uuid FROM pgqueuer
        WHERE entrypoint = 'run_pipeline' AND status IN ('queued', 'picked')
      ))
    FOR UPDATE SKIP LOCKED
    """  # noqa: S608 - constants
)
"""Runs that want a worker and have no job. With a join in place of the array Postgres compares every run with
every job until the tables are analyzed: 0.3 s where 1,000 are queued.

A run that was queued just now belongs to whoever starts it: `work_on` takes it with no wake-up.
"""

ANY_ORPHAN = f"SELECT EXISTS ({ORPHANED})"
ANYTHING_LATE = f"SELECT EXISTS ({UNTAKEN}), EXISTS ({waits.EXPIRED}) OR EXISTS ({waits.STRANDED})"
"""What is asked of an idle database again and again: one statement, and no transaction around it."""


async def find_orphans(database: Database) -> int:
    """Wake somebody up for each run whose worker was lost. Returns how many there are."""
    async with database.connection() as connection:
        [(is_any,)] = await (await connection.execute(ANY_ORPHAN.encode())).fetchall()
    if not is_any:
        return 0
    async with database.transaction() as session:
        orphans = (await session.scalars(ORPHANS, {"first": FIRST})).all()
        await wake(session, dict.fromkeys(orphans, FIRST))
    if orphans:
        log.info("%d runs have lost their worker", len(orphans))
    return len(orphans)


async def sweep(database: Database) -> int:
    """Returns how many wake-ups were put back."""
    async with database.connection() as connection:
        [(untaken, overdue)] = await (await connection.execute(ANYTHING_LATE.encode())).fetchall()
    lost = await _put_back(database) if untaken else 0
    if overdue:
        async with database.transaction() as session:
            await waits.expire(session)
    return lost


async def _put_back(database: Database) -> int:
    async with database.transaction() as session:
        lost = {row.id: row.priority for row in await session.execute(LOST_WAKEUPS)}
        await wake(session, lost)
    if lost:
        log.info("put back %d lost wake-ups", len(lost))
    return len(lost)
