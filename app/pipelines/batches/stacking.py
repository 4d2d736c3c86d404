"""A batch that is an improvement: each item starts from the newest green commit, until it has to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import Batch, Improvement, Stop
from app.usage import budgets, reports
from app.usage.budget import Defaults
from app.usage.reports import Bill

DONE_SHOWN = 100
"""Steps that were done, the newest, of which a further step is told."""

COMMITS = text(
    """
    SELECT a.body ->> 'commit' AS commit, a.body ->> 'subject' AS subject
    FROM batch_items i JOIN artifacts a ON a.pipeline_id = i.pipeline_id AND a.name = 'commit' AND a.current
    WHERE i.batch_id = :batch AND i.state = 'succeeded'
    ORDER BY i.ended_at DESC, i.number DESC LIMIT :limit
    """
)
FAILURES = text(
    """
    SELECT count(*) FROM batch_items
    WHERE batch_id = :batch AND state = 'dead' AND ended_at > coalesce(
        (SELECT max(ended_at) FROM batch_items WHERE batch_id = :batch AND state = 'succeeded'), '-infinity')
    """
)
NEXT = text(
    """
    SELECT number, input FROM (
        SELECT number, input, due_at FROM batch_items WHERE batch_id = :batch AND state = 'pending'
        ORDER BY number LIMIT 1
    ) AS first WHERE due_at <= now()
    """
)
OUT_OF_BUDGET = text(
    """
    SELECT p.id AS run, w.details ->> 'unit' AS unit
    FROM batch_items i JOIN pipelines p ON p.id = i.pipeline_id JOIN waits w ON w.pipeline_id = p.id
    WHERE i.batch_id = :batch AND i.state = 'running' AND p.state = 'waiting' AND w.decision = 'open'
      AND w.reason = 'budget' AND w.subject = 'run:' || p.id
    """
)
"""A run that has used up its own budget; budgets of days and projects are waited for."""


@dataclass(frozen=True)
class Terms:
    """When an improvement stops. None: no limit of its own."""

    goal: str
    is_repeated: bool = False
    max_usd: Decimal | None = None
    max_tokens: int | None = None
    max_failures: int = 3
    estimated_usd: Decimal | None = None
    estimated_tokens: int | None = None

    def row(self, batch_id: UUID) -> Improvement:
        return Improvement(batch_id=batch_id, **vars(self))


async def of(session: AsyncSession, batch: Batch) -> Improvement | None:
    """None: an ordinary batch, whose items do not know each other."""
    return await session.get(Improvement, batch.id)


async def head(session: AsyncSession, batch: Batch) -> str | None:
    """The newest green commit of the improvement, or what it began from."""
    newest = await _commits(session, batch, 1)
    return newest[0][0] if newest else batch.base_commit


async def failures(session: AsyncSession, batch: Batch) -> int:
    """Items that failed for good since one succeeded."""
    return int((await session.execute(FAILURES, {"batch": batch.id})).scalar_one())


async def due(session: AsyncSession, batch: Batch, improvement: Improvement) -> list[tuple[int, str]]:
    """The next item and its epic, if its time has come: an item that is tried again holds up the others."""
    rows = (await session.execute(NEXT, {"batch": batch.id})).all()
    return [(number, await _epic(session, batch, improvement, wanted)) for number, wanted in rows]


async def stop(
    session: AsyncSession, batch: Batch, improvement: Improvement, defaults: Defaults
) -> Stop | None:
    """Why it has to stop now; None: it may go on."""
    if await failures(session, batch) >= improvement.max_failures:
        return Stop.FAILURES
    if improvement.max_usd is None and improvement.max_tokens is None:
        return None
    bill = await reports.of_batch(session, batch.id)
    if improvement.max_usd is not None and bill.cost_usd >= improvement.max_usd:
        return Stop.BUDGET_USD
    if improvement.max_tokens is not None and bill.tokens.total >= improvement.max_tokens:
        return Stop.BUDGET_TOKENS
    waiting = (await session.execute(OUT_OF_BUDGET, {"batch": batch.id})).one_or_none()
    if waiting is None:
        return None
    unit = waiting.unit or ("usd" if improvement.max_usd is not None else "tokens")
    if await _is_limit_of_every_run(session, improvement, bill, waiting.run, unit, defaults):
        return (
            None  # more is left for the improvement, so a person decides about this run, as about any other
        )
    return Stop.BUDGET_USD if unit == "usd" else Stop.BUDGET_TOKENS


async def _is_limit_of_every_run(
    session: AsyncSession, improvement: Improvement, bill: Bill, run: UUID, unit: str, defaults: Defaults
) -> bool:
    """Whether the run came up against what any run may take, and not against what is left for all of them."""
    own = await reports.total(session, run)
    every = await budgets.state(session, "run", defaults)
    its = await budgets.state(session, f"run:{run}", defaults)
    usd, tokens = _left(improvement, bill)
    figures: dict[str, tuple[Any, ...]] = {
        "usd": (its.limit_usd, every.limit_usd, usd, own.cost_usd),
        "tokens": (its.limit_tokens, every.limit_tokens, tokens, own.tokens.total),
    }
    limit, usual, left, spent = figures[unit]
    return bool(limit == usual and (left is None or left + spent > (limit or 0)))


async def limit(
    session: AsyncSession, batch: Batch, improvement: Improvement, runs: Sequence[UUID], defaults: Defaults
) -> None:
    """A new run may take no more than what is left, or than every run may if that is less."""
    if improvement.max_usd is None and improvement.max_tokens is None:
        return
    left = _left(improvement, await reports.of_batch(session, batch.id))
    every = await budgets.state(session, "run", defaults)
    limits: dict[str, Any] = {
        "limit_usd": _lower(left[0], every.limit_usd),
        "limit_tokens": _lower(left[1], every.limit_tokens),
    }
    for run in runs:
        await budgets.change(session, f"run:{run}", limits, defaults)


def _left(improvement: Improvement, bill: Bill) -> tuple[Decimal | None, int | None]:
    usd, tokens = improvement.max_usd, improvement.max_tokens
    return (
        None if usd is None else max(Decimal(0), usd - bill.cost_usd),
        None if tokens is None else max(0, tokens - bill.tokens.total),
    )


def _lower(one: Any, other: Any) -> Any:
    return min((each for each in (one, other) if each is not None), default=None)


async def _epic(session: AsyncSession, batch: Batch, improvement: Improvement, wanted: str) -> str:
    if not improvement.is_repeated:
        return wanted
    done = [subject for _, subject in await _commits(session, batch, DONE_SHOWN)]
    return step_towards(wanted, done[::-1])


def step_towards(goal: str, done: Sequence[str]) -> str:
    """The epic of one more step. `done` are the subjects of the commits so far, oldest first."""
    if not done:
        return f"{goal}\n\nChoose the most useful small step towards this goal."
    listed = "\n".join(f"- {subject}" for subject in done)
    return f"{goal}\n\nDone already:\n{listed}\n\nChoose the most useful small step that is not done yet."


async def _commits(session: AsyncSession, batch: Batch, limit: int) -> list[tuple[str, str]]:
    """Commit and subject, newest first."""
    rows = await session.execute(COMMITS, {"batch": batch.id, "limit": limit})
    return [(commit, subject) for commit, subject in rows]
