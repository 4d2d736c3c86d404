"""Queries over the epics of a project: how they ended, what they took, what sent them back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SINCE = "date_trunc('day', now()) - make_interval(days => :days)"
EPICS = text(
    f"""
    SELECT p.id, p.state, p.round, p.definition, c.body ->> 'commit', c.body ->> 'subject',
      coalesce(u.tokens, 0) AS tokens, coalesce(u.usd, 0) AS usd, coalesce(u.unpriced, 0) AS unpriced,
      extract(epoch FROM coalesce(p.finished_at, clock_timestamp()) - p.created_at)::float8 AS seconds,
      i.estimated_tokens, i.estimated_usd
    FROM pipelines p
    LEFT JOIN artifacts c ON c.pipeline_id = p.id AND c.name = 'commit' AND c.current
    LEFT JOIN improvements i ON i.batch_id = p.batch_id
    LEFT JOIN LATERAL (
      SELECT sum(CASE WHEN outcome = 'open' THEN reserved_tokens ELSE coalesce(input_tokens, 0)
               + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
               + coalesce(output_tokens, 0) END) AS tokens,
             sum(CASE WHEN outcome = 'open' THEN reserved_usd ELSE cost_usd END) AS usd,
             count(*) FILTER (WHERE CASE WHEN outcome = 'open' THEN reserved_usd ELSE cost_usd END IS NULL)
               AS unpriced
      FROM pipeline_prompt_usage WHERE pipeline_id = p.id) AS u ON true
    WHERE p.project_id = :project AND p.created_at >= {SINCE}
    ORDER BY p.created_at, p.id
    """  # noqa: S608 - constants
)
RESULTS = text(
    f"""
    SELECT a.body FROM pipelines p JOIN artifacts a ON a.pipeline_id = p.id AND a.name = 'test_results'
    WHERE p.project_id = :project AND p.created_at >= {SINCE}
    """  # noqa: S608 - constants
)


@dataclass(frozen=True)
class EpicRow:
    """One run."""

    id: UUID
    state: str
    reworks: int
    definition: str
    commit: str | None
    subject: str | None
    tokens: int
    usd: Decimal
    unpriced: int
    seconds: float
    estimated_tokens: int | None
    """As it was said when its improvement was ordered."""
    estimated_usd: Decimal | None


@dataclass(frozen=True)
class Refusals:
    """Over every round whose test results are still kept."""

    gates: Counter[str]
    """Gates that did not pass, by kind."""
    tests: int
    """Rounds in which tests failed, or could not be trusted."""


async def epics(session: AsyncSession, project_id: int, days: int) -> list[EpicRow]:
    """Oldest first, of today (UTC) and so many days before it."""
    rows = await session.execute(EPICS, {"project": project_id, "days": days})
    return [EpicRow(*row) for row in rows]


async def refusals(session: AsyncSession, project_id: int, days: int) -> Refusals:
    gates: Counter[str] = Counter()
    tests = 0
    for body in (await session.execute(RESULTS, {"project": project_id, "days": days})).scalars():
        stopped = [gate["kind"] for gate in body.get("gates", ()) if gate["outcome"] != "passed"]
        gates.update(stopped)
        tests += body["outcome"] != "passed" and not stopped
    return Refusals(gates, tests)
