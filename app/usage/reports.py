"""What runs, phases and days cost, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Subquery, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.tables import Pipeline, PromptUsage
from app.usage import daily
from app.usage.amounts import AMOUNTS, sums
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


async def by_phase(session: AsyncSession, pipeline_id: UUID) -> list[Bill]:
    """One bill per phase of the run, in the order in which the phases first asked a model."""
    rows = await session.execute(
        select(PromptUsage.phase, *sums(AMOUNTS.values()))
        .where(PromptUsage.pipeline_id == pipeline_id)
        .group_by(PromptUsage.phase)
        .order_by(func.min(PromptUsage.id))
    )
    return [bill_of(row) for row in rows]


async def total(session: AsyncSession, pipeline_id: UUID | None = None) -> Bill:
    """The sum of one run, or of all."""
    if pipeline_id is None:
        everything = await daily.calls(session)
        query = select(literal("total"), *sums(everything.c[name] for name in AMOUNTS))
    else:
        query = select(literal("total"), *sums(AMOUNTS.values())).where(
            PromptUsage.pipeline_id == pipeline_id
        )
    return bill_of((await session.execute(query)).one())


async def of_batch(session: AsyncSession, batch_id: UUID) -> Bill:
    """The sum over every attempt at every item of the batch."""
    runs = select(Pipeline.id).where(Pipeline.batch_id == batch_id)
    query = select(literal("total"), *sums(AMOUNTS.values())).where(PromptUsage.pipeline_id.in_(runs))
    return bill_of((await session.execute(query)).one())


async def saved(session: AsyncSession, days: int) -> Bill:
    """What calls cost whose answer was given again today (UTC) or in so many days before, each time anew."""
    hit = aliased(PromptUsage)
    midnight = func.date_trunc("day", func.now()) - timedelta(days=days)
    query = (
        select(literal("saved"), *sums(AMOUNTS.values()))
        .select_from(hit)
        .join(PromptUsage, PromptUsage.id == hit.cached_from)
        .where(hit.cached_from.is_not(None), hit.started_at >= midnight)
    )
    return bill_of((await session.execute(query)).one())


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
    """One bill for today (UTC) and each of so many days before it, newest first."""
    found = await daily.calls(session, days)
    return await _grouped(session, func.to_char(found.c.day, "YYYY-MM-DD"), found)


async def by_model(session: AsyncSession, days: int) -> list[Bill]:
    """One bill per model that answered today or in so many days before."""
    found = await daily.calls(session, days)
    return await _grouped(session, found.c.backend + " " + found.c.model, found)


async def calls(session: AsyncSession, pipeline_id: UUID) -> Sequence[PromptUsage]:
    """The ledger rows of a run, oldest first."""
    rows = await session.scalars(
        select(PromptUsage).where(PromptUsage.pipeline_id == pipeline_id).order_by(PromptUsage.id)
    )
    return rows.all()


async def _grouped(session: AsyncSession, label: ColumnElement[str], found: Subquery) -> list[Bill]:
    rows = await session.execute(
        select(label.label("label"), *sums(found.c[name] for name in AMOUNTS))
        .group_by("label")
        .order_by(func.max(found.c.last_id).desc())
    )
    return [bill_of(row) for row in rows]


def bill_of(row: Row[*tuple[Any, ...]]) -> Bill:
    """From a label and the sums of `AMOUNTS`, in their order."""
    label, count, input_, read, write, output, thinking, usd, unpriced, open_ = row
    return Bill(
        label=label,
        calls=int(count),
        tokens=Tokens(int(input_), int(read), int(write), int(output), int(thinking)),
        cost_usd=Decimal(usd),
        unpriced=int(unpriced),
        open=int(open_),
    )
