"""How long answers took by route, against what the route allows."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Float, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import PromptUsage, Route
from app.usage.grouping import since

SECONDS: ColumnElement[float] = cast(
    func.extract("epoch", PromptUsage.settled_at - PromptUsage.started_at), Float
)
"""From the reservation to the settled answer; the wait for a place within limits comes before."""


@dataclass(frozen=True)
class RouteLatency:
    """Answers of one route. Neither errors nor answers that were given again are among them."""

    route: str
    answers: int
    p50_s: float
    p95_s: float
    latency_s: float | None
    """What the route allows; None: it says nothing, or is gone."""
    late: int
    """Answers that took longer."""


async def by_route(
    session: AsyncSession, *, days: int | None = None, pipeline_id: UUID | None = None
) -> list[RouteLatency]:
    """Of one run, or of today (UTC) and so many days before it."""
    condition = since(days) if days is not None else PromptUsage.pipeline_id == pipeline_id
    rows = await session.execute(
        select(
            PromptUsage.route,
            func.count().label("answers"),
            func.percentile_cont(0.5).within_group(SECONDS).label("p50_s"),
            func.percentile_cont(0.95).within_group(SECONDS).label("p95_s"),
            cast(Route.latency_s, Float).label("latency_s"),
            func.count().filter(cast(Route.latency_s, Float) < SECONDS).label("late"),
        )
        .outerjoin(Route, Route.name == PromptUsage.route)
        .where(condition, PromptUsage.route.is_not(None), PromptUsage.outcome == "ok")
        .where(PromptUsage.cached_from.is_(None))
        .group_by(PromptUsage.route, Route.latency_s)
        .order_by(PromptUsage.route)
    )
    return [RouteLatency(**row) for row in rows.mappings()]


async def allowed(session: AsyncSession) -> dict[str, float]:
    """Seconds that each route allows, where it says so."""
    rows = await session.execute(select(Route.name, Route.latency_s).where(Route.latency_s.is_not(None)))
    return {row.name: float(row.latency_s) for row in rows}
