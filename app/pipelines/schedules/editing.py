"""Changes to schedules: checked first, with no transaction open, then stored."""

from __future__ import annotations

from app.pipelines.schedules import store
from app.pipelines.schedules.schedule import Checks, ScheduleDraft, check
from app.tables import Schedule


async def add(checks: Checks, draft: ScheduleDraft) -> Schedule:
    """A new schedule. Raises `Conflict` for a name that is taken, or what is wrong with its place."""
    cron = await check(draft, checks)
    async with checks.database.transaction() as session:
        return await store.add(session, draft, cron)


async def save(checks: Checks, draft: ScheduleDraft) -> Schedule:
    """A schedule, new or whole. Raises what is wrong with its place."""
    cron = await check(draft, checks)
    async with checks.database.transaction() as session:
        return await store.save(session, draft, cron)
