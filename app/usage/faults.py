"""The last call of each backend that failed, from the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import PromptUsage

DAYS = 7
NEWEST = 10_000
"""No more calls than this are looked at, however many there were in those days."""
LOST_AFTER = "15 minutes"
"""A call without a reply for so long is one whose reply was lost."""


@dataclass(frozen=True)
class Fault:
    """A call that failed, or whose reply never came."""

    at: datetime
    outcome: str
    """`open`: no reply came."""
    model: str
    error: str | None


async def last_faults(session: AsyncSession, outcomes: Collection[str]) -> dict[str, Fault]:
    """Backend → its last call with one of these outcomes, among the newest calls of the last days."""
    calls = PromptUsage
    recent = (
        select(calls.backend, calls.started_at, calls.outcome, calls.model, calls.error)
        .where(calls.started_at > func.clock_timestamp() - text(f"interval '{DAYS} days'"))
        .order_by(calls.started_at.desc())
        .limit(NEWEST)
        .subquery()
    )
    failed: ColumnElement[bool] = or_(
        recent.c.outcome.in_(list(outcomes)),
        and_(
            recent.c.outcome == "open",
            recent.c.started_at < func.clock_timestamp() - text(f"interval '{LOST_AFTER}'"),
        ),
    )
    newest_first = (recent.c.backend, recent.c.started_at.desc())
    rows = await session.execute(
        select(recent).where(failed).ext(distinct_on(recent.c.backend)).order_by(*newest_first)
    )
    return {row.backend: Fault(row.started_at, row.outcome, row.model, row.error) for row in rows}
