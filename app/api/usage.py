"""What it cost: the ledger by run, phase, day and model. Money is a decimal string in US dollars."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, PlainSerializer

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.pipelines import store
from app.tables import PromptUsage, TokenRole
from app.usage import reports
from app.usage.reports import Bill

router = APIRouter(tags=["usage"], dependencies=[Depends(bearer)])


Dollars = Annotated[Decimal, PlainSerializer(lambda amount: format(amount, "f"), return_type=str)]
"""Never in exponent form: `0E-8` is no amount that a person reads."""


class TokensView(BaseModel):
    input: int
    cache_read: int
    cache_write: int
    output: int
    thinking: int


class BillView(BaseModel):
    """Sums of ledger rows; a call without a reply counts with what was reserved for it."""

    label: str
    calls: int
    tokens: TokensView
    cost_usd: Dollars
    unpriced: int
    """Calls whose price is unknown; they are not in `cost_usd`."""
    open: int
    """Calls without a reply so far."""


class CallView(BaseModel):
    """One model call of the ledger."""

    id: int
    phase: str
    round: int
    step: int
    backend: str
    profile: str
    model: str
    role: str
    prompt_version: int | None
    prompt_digest: str
    outcome: str
    error: str | None
    tokens: TokensView
    cost_usd: Dollars | None
    started_at: datetime
    settled_at: datetime | None


class RunUsage(BaseModel):
    total: BillView
    by_phase: list[BillView]
    calls: list[CallView]


class Usage(BaseModel):
    total: BillView
    by_day: list[BillView]
    by_model: list[BillView]


@router.get("/pipelines/{pipeline_id}/usage", summary="What a run cost: total, by phase, call by call")
@needs(TokenRole.VIEWER)
async def of_run(pipeline_id: UUID, services: ServicesOf) -> RunUsage:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        return RunUsage(
            total=bill_view(await reports.total(session, pipeline_id)),
            by_phase=[bill_view(bill) for bill in await reports.by_phase(session, pipeline_id)],
            calls=[_call(row) for row in await reports.calls(session, pipeline_id)],
        )


@router.get("/usage", summary="What everything cost: total, by day (UTC), by model")
@needs(TokenRole.VIEWER)
async def of_all(services: ServicesOf, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Usage:
    async with services.database.transaction() as session:
        return Usage(
            total=bill_view(await reports.total(session)),
            by_day=[bill_view(bill) for bill in await reports.by_day(session, days)],
            by_model=[bill_view(bill) for bill in await reports.by_model(session, days)],
        )


def bill_view(bill: Bill) -> BillView:
    tokens = bill.tokens
    return BillView(
        label=bill.label,
        calls=bill.calls,
        tokens=TokensView(
            input=tokens.input,
            cache_read=tokens.cache_read,
            cache_write=tokens.cache_write,
            output=tokens.output,
            thinking=tokens.thinking,
        ),
        cost_usd=bill.cost_usd,
        unpriced=bill.unpriced,
        open=bill.open,
    )


def _call(row: PromptUsage) -> CallView:
    return CallView(
        id=row.id,
        phase=row.phase,
        round=row.round,
        step=row.step,
        backend=row.backend,
        profile=row.profile,
        model=row.model,
        role=row.role,
        prompt_version=row.prompt_version,
        prompt_digest=row.prompt_digest,
        outcome=row.outcome,
        error=row.error,
        tokens=TokensView(
            input=row.input_tokens or 0,
            cache_read=row.cache_read_tokens or 0,
            cache_write=row.cache_write_tokens or 0,
            output=row.output_tokens or 0,
            thinking=row.thinking_tokens or 0,
        ),
        cost_usd=row.cost_usd,
        started_at=row.started_at,
        settled_at=row.settled_at,
    )
