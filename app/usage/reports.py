"""What runs, phases and days cost, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import Pipeline, PromptUsage
from app.usage.tokens import Tokens


@dataclass(frozen=True)
class Bill:
    """Sums over ledger rows. An `open` row counts with its reservation: the bill is never too low."""

    label: str
    calls: int
    tokens: Tokens
    cost_usd: Decimal
    """Of the calls whose price is known."""
    unpriced: int
    """Calls whose price is unknown."""
    open: int
    """Calls without a reply so far; they count with what was reserved."""


_OPEN = PromptUsage.outcome == "open"
_SUMS = (
    func.count(),
    func.coalesce(func.sum(case((_OPEN, PromptUsage.reserved_tokens), else_=PromptUsage.input_tokens)), 0),
    func.coalesce(func.sum(PromptUsage.cache_read_tokens), 0),
    func.coalesce(func.sum(PromptUsage.cache_write_tokens), 0),
    func.coalesce(func.sum(PromptUsage.output_tokens), 0),
    func.coalesce(func.sum(PromptUsage.thinking_tokens), 0),
    func.coalesce(func.sum(case((_OPEN, PromptUsage.reserved_usd), else_=PromptUsage.cost_usd)), 0),
    func.count().filter(
        or_(and_(_OPEN, PromptUsage.reserved_usd.is_(None)), and_(~_OPEN, PromptUsage.cost_usd.is_(None)))
    ),
    func.count().filter(_OPEN),
)


async def by_phase(session: AsyncSession, pipeline_id: UUID) -> list[Bill]:
    """One bill per phase of the run, in the order in which the phases first asked a model."""
    rows = await session.execute(
        select(PromptUsage.phase, *_SUMS)
        .where(PromptUsage.pipeline_id == pipeline_id)
        .group_by(PromptUsage.phase)
        .order_by(func.min(PromptUsage.id))
    )
    return [_bill(row) for row in rows]


async def total(session: AsyncSession, pipeline_id: UUID | None = None) -> Bill:
    """The sum of one run, or of all."""
    query = select(literal("total"), *_SUMS)
    if pipeline_id is not None:
        query = query.where(PromptUsage.pipeline_id == pipeline_id)
    return _bill((await session.execute(query)).one())


async def of_batch(session: AsyncSession, batch_id: UUID) -> Bill:
    """The sum over every attempt at every item of the batch."""
    runs = select(Pipeline.id).where(Pipeline.batch_id == batch_id)
    rows = await session.execute(select(literal("total"), *_SUMS).where(PromptUsage.pipeline_id.in_(runs)))
    return _bill(rows.one())


async def prompts(session: AsyncSession, pipeline_id: UUID) -> list[str]:
    """The prompts that answered in the run, like `pm@1`; one from a file has the head of its digest."""
    rows = await session.execute(
        select(PromptUsage.role, PromptUsage.prompt_version, PromptUsage.prompt_digest)
        .where(PromptUsage.pipeline_id == pipeline_id)
        .group_by(PromptUsage.role, PromptUsage.prompt_version, PromptUsage.prompt_digest)
        .order_by(func.min(PromptUsage.id))
    )
    return [f"{role}@{version or digest[:8]}" for role, version, digest in rows]


async def by_day(session: AsyncSession, days: int) -> list[Bill]:
    """One bill per day (UTC), newest first."""
    day = func.to_char(func.timezone("UTC", PromptUsage.started_at), "YYYY-MM-DD")
    return await _grouped(session, day, days)


async def by_model(session: AsyncSession, days: int) -> list[Bill]:
    """One bill per model that answered in the last days."""
    return await _grouped(session, PromptUsage.backend + " " + PromptUsage.model, days)


async def calls(session: AsyncSession, pipeline_id: UUID) -> Sequence[PromptUsage]:
    """The ledger rows of a run, oldest first."""
    rows = await session.scalars(
        select(PromptUsage).where(PromptUsage.pipeline_id == pipeline_id).order_by(PromptUsage.id)
    )
    return rows.all()


async def _grouped(session: AsyncSession, label: ColumnElement[str], days: int) -> list[Bill]:
    since = func.now() - func.make_interval(0, 0, 0, days)
    rows = await session.execute(
        select(label.label("label"), *_SUMS)
        .where(PromptUsage.started_at >= since)
        .group_by("label")
        .order_by(func.max(PromptUsage.id).desc())
    )
    return [_bill(row) for row in rows]


def _bill(row: Row[*tuple[Any, ...]]) -> Bill:
    label, count, input_, read, write, output, thinking, usd, unpriced, open_ = row
    return Bill(
        label=label,
        calls=count,
        tokens=Tokens(int(input_), int(read), int(write), int(output), int(thinking)),
        cost_usd=Decimal(usd),
        unpriced=unpriced,
        open=open_,
    )
