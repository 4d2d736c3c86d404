"""The ledger added up by day and model as far as it is settled: kept by a chore, read by reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Label,
    Select,
    Subquery,
    cast,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.tables import PromptUsage, UsageDay
from app.usage.amounts import AMOUNTS

YOUNG = timedelta(hours=1)
"""Calls that began within this time are not added up yet.

By then every call with a smaller number can be seen: a row of the ledger is inserted and committed at once.
"""
KEY = ("day", "backend", "model")
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "thinking_tokens")
MOST = 100_000
"""Calls that one statement adds up."""

SETTLED = "FILTER (WHERE outcome <> 'open')"
SUMS = {
    "calls": f"count(*) {SETTLED}",
    **{name: f"coalesce(sum({name}) {SETTLED}, 0)" for name in (*TOKENS, "cost_usd")},
    "unpriced": f"count(*) {SETTLED} - count(cost_usd) {SETTLED}",
}
ADD_UP = text(
    f"""
    WITH calls AS MATERIALIZED (
        SELECT * FROM pipeline_prompt_usage WHERE id > (SELECT coalesce(max(last_id), 0) FROM usage_days)
        ORDER BY id LIMIT :most
    ), young AS (
        SELECT min(id) AS id FROM calls WHERE started_at > now() - CAST(:young AS interval)
    ), settled AS (
        SELECT max(calls.id) AS id FROM calls, young
        WHERE outcome <> 'open' AND (young.id IS NULL OR calls.id < young.id)
    )
    INSERT INTO usage_days AS known (day, backend, model, {", ".join(SUMS)}, left_open, last_id)
    SELECT CAST(timezone('UTC', started_at) AS date), backend, model, {", ".join(SUMS.values())},
        coalesce(array_agg(calls.id) FILTER (WHERE outcome = 'open'), '{{}}'),
        coalesce(max(calls.id) {SETTLED}, 0)
    FROM calls, settled WHERE calls.id <= settled.id GROUP BY 1, 2, 3
    ON CONFLICT (day, backend, model) DO UPDATE SET
        {", ".join(f"{name} = known.{name} + excluded.{name}" for name in SUMS)},
        left_open = known.left_open || excluded.left_open,
        last_id = greatest(known.last_id, excluded.last_id)
    RETURNING 1
    """  # noqa: S608 - constants
)
"""It ends with a settled call, so that the newest `last_id` says where, and no open call is counted twice.

By number and not by day: a call with a time that lies back, as after a clock was set right, is not lost.
"""


async def add_up(database: Database, most: int = MOST) -> int:
    """Bring the sums up to date. Returns how many of them changed; 0 as well when another worker is at it."""
    changed = 0
    while some := await _add_up_some(database, most):
        changed += some
    return changed


async def _add_up_some(database: Database, most: int) -> int:
    async with database.transaction() as session:
        lock = func.pg_try_advisory_xact_lock(func.hashtext("usage_days"))
        if not await session.scalar(select(lock)):
            return 0
        return len((await session.execute(ADD_UP, {"most": most, "young": YOUNG})).all())


async def calls(session: AsyncSession, days: int | None = None) -> Subquery:
    """Rows with `day`, `backend`, `model`, `last_id` and the amounts: of many calls, or of a single one.

    Those of today and of so many days before it; None: of all days. One statement reads all of it, so the
    sums and the rest are of the same moment.
    """
    end = select(func.coalesce(func.max(UsageDay.last_id), 0))
    seen = (await session.execute(end)).scalar_one()  # says to the planner how few calls are left
    left_open = func.array(select(func.unnest(UsageDay.left_open)).scalar_subquery())
    sums = select(*(getattr(UsageDay, name) for name in (*KEY, *SUMS)), literal(0).label("open"))
    sums = sums.add_columns(UsageDay.last_id)
    rest = _single(PromptUsage.id > seen, PromptUsage.id > end.scalar_subquery())
    left = _single(PromptUsage.id == func.any(left_open))
    if days is not None:
        since = cast(func.timezone("UTC", func.now()), Date) - days
        midnight = func.timezone("UTC", cast(since, DateTime))
        sums = sums.where(UsageDay.day >= since)
        rest, left = (single.where(PromptUsage.started_at >= midnight) for single in (rest, left))
    return sums.union_all(rest, left).subquery()


def _single(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    day = cast(func.timezone("UTC", PromptUsage.started_at), Date)
    amounts: list[Label[Any]] = [amount.label(name) for name, amount in AMOUNTS.items()]
    return select(day, PromptUsage.backend, PromptUsage.model, *amounts, PromptUsage.id).where(*conditions)
