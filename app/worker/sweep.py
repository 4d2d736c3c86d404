"""Puts back the wake-ups that were lost, and decides what nobody decided in time."""

from __future__ import annotations

import logging

from sqlalchemy import text

from app.db import Database
from app.pipelines import waits
from app.queue.wakeups import wake

log = logging.getLogger(__name__)

LOST_WAKEUPS = text(
    """
    SELECT id, priority FROM pipelines
    WHERE (state = 'running' AND lease_expires_at < clock_timestamp()
           OR state = 'queued' AND updated_at < clock_timestamp() - interval '3 seconds')
      AND NOT EXISTS (
        SELECT 1 FROM pgqueuer
        WHERE entrypoint = 'run_pipeline' AND status IN ('queued', 'picked')
          AND payload = convert_to(pipelines.id::text, 'UTF8')
      )
    FOR UPDATE SKIP LOCKED
    """
)
"""Runs that want a worker and have neither a live lease nor a job.

A run that was queued just now belongs to whoever starts it: `work_on` takes it with no wake-up.
"""


async def sweep(database: Database) -> int:
    """Returns how many wake-ups were put back."""
    async with database.transaction() as session:
        lost = {row.id: row.priority for row in await session.execute(LOST_WAKEUPS)}
        await wake(session, lost)
    if lost:
        log.info("put back %d lost wake-ups", len(lost))
    async with database.transaction() as session:
        await waits.expire(session)
    return len(lost)
