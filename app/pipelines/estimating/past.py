"""What the phases of a definition answered in earlier runs, and how often the work came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

RUNS = 200
"""The newest ended runs of the definition count."""
DEFAULT_SHARE = 0.25
"""Without a past an answer is taken for a quarter of the most that its phase may write."""

RECENT = """
    SELECT id, round FROM pipelines
    WHERE definition = :definition AND state IN ('succeeded', 'failed')
    ORDER BY created_at DESC, id DESC LIMIT :runs
"""
ANSWERS = text(
    f"""
    WITH asked AS (
        SELECT u.phase, sum(u.output_tokens) AS output, count(*) AS calls,
               bool_or(u.cascade_step > 0) AS escalated
        FROM ({RECENT}) AS recent JOIN pipeline_prompt_usage u ON u.pipeline_id = recent.id
        WHERE u.output_tokens > 0 AND u.cached_from IS NULL
        GROUP BY u.phase, u.pipeline_id, u.round
    )
    SELECT phase, count(*) AS samples, avg(calls)::float8 AS calls, avg(escalated::int)::float8 AS escalated,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY output) AS median,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY output) AS p90
    FROM asked GROUP BY phase
    """  # noqa: S608 - constants
)
REWORKS = text(
    f"""
    SELECT count(*) AS runs, coalesce(avg(round), 0)::float8 AS mean,
           coalesce(percentile_cont(0.9) WITHIN GROUP (ORDER BY round), 0) AS p90
    FROM ({RECENT}) AS recent
    """  # noqa: S608 - constants
)


@dataclass(frozen=True)
class Answers:
    """Output tokens of one round of one phase, with its re-asks and escalations."""

    median: float
    p90: float
    calls: float = 1.0
    """Of one round, on the average."""
    escalated: float = 0.0
    """Share of the rounds in which another model than the route's own was asked."""
    samples: int = 0
    """Rounds it is known from; 0: a default."""


@dataclass(frozen=True)
class Past:
    """What earlier runs of the definition say."""

    runs: int = 0
    reworks: float = 0.0
    """Of one run, on the average."""
    reworks_p90: float = 1.0
    """Without a past one rework is thought possible."""
    answers: Mapping[str, Answers] | None = None
    """By phase."""

    def of(self, phase: str, max_output_tokens: int) -> Answers:
        """Never more than the phase may write; without a past a share of that."""
        known = (self.answers or {}).get(phase)
        return known or Answers(max_output_tokens * DEFAULT_SHARE, max_output_tokens)


async def past_of(session: AsyncSession, definition: str) -> Past:
    values = {"definition": definition, "runs": RUNS}
    answers = {
        row.phase: Answers(row.median, row.p90, row.calls, row.escalated, row.samples)
        for row in await session.execute(ANSWERS, values)
    }
    reworks = (await session.execute(REWORKS, values)).one()
    if not reworks.runs:
        return Past()
    return Past(reworks.runs, reworks.mean, max(reworks.mean, reworks.p90), answers)
