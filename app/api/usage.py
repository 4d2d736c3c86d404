"""What it cost: the ledger by run, phase, day and model. Money is a decimal string in US dollars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
from app.usage import grouping, latency, reports, savings
from app.usage.grouping import By
from app.usage.latency import RouteLatency
from app.usage.reports import Bill
from app.usage.savings import COMPARED_WITH

router = APIRouter(tags=["usage"], dependencies=[Depends(bearer)])

Days = Annotated[int, Query(ge=1, le=366)]
OF_RUN = (By.PHASE, By.STEP, By.PROMPT, By.ROUTE)
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


class LatencyView(BaseModel):
    """How long the answers of one route took, in seconds."""

    route: str
    answers: int
    p50_s: float
    p95_s: float
    latency_s: float | None
    """What the route allows."""
    late: int
    """Answers that took longer."""


class SavingView(BaseModel):
    """What one way of saving saved; `method` says how that is reckoned."""

    way: str
    calls: int
    tokens: int
    usd: Dollars | None
    """Null: a price is unknown. Below 0: it cost more than it saved."""
    method: str


class CallView(BaseModel):
    """One model call of the ledger."""

    id: int
    phase: str
    item: str
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
    thinking_estimated: bool
    """The server does not count thinking apart; the figure is its share of the text."""
    cost_usd: Dollars | None
    price_version: str
    mode: str | None
    """What bound the answer to its schema: `grammar`, `tool` or `prompt`."""
    weakened: list[str]
    """What the server did not check of the schema, one line each; the full schema did."""
    route: str | None
    cascade_step: int
    reason: str | None
    """Why another profile was asked than that of the route."""
    cached_from: int | None
    """The call whose answer was given again at no cost."""
    latency_s: float | None
    is_late: bool
    """It took longer than its route allows."""
    started_at: datetime
    settled_at: datetime | None


class RunUsage(BaseModel):
    total: BillView
    by_phase: list[BillView]
    by_step: list[BillView]
    """By phase, item, round and step."""
    by_prompt: list[BillView]
    by_route: list[BillView]
    latency: list[LatencyView]
    calls: list[CallView]


class Usage(BaseModel):
    total: BillView
    by_day: list[BillView]
    by_model: list[BillView]
    by: By
    groups: list[BillView]
    """One bill for each group of `by`, the dearest first, at most 200."""
    latency: list[LatencyView]
    """With `by=route`."""


@router.get("/pipelines/{pipeline_id}/usage", summary="What a run cost: total, by phase, call by call")
@needs(TokenRole.VIEWER)
async def of_run(pipeline_id: UUID, services: ServicesOf) -> RunUsage:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        allowed = await latency.allowed(session)
        groups = {by: await grouping.of_run(session, by, pipeline_id) for by in OF_RUN}
        return RunUsage(
            total=bill_view(await reports.total(session, pipeline_id)),
            by_phase=_bills(groups[By.PHASE]),
            by_step=_bills(groups[By.STEP]),
            by_prompt=_bills(groups[By.PROMPT]),
            by_route=_bills(groups[By.ROUTE]),
            latency=_latencies(await latency.by_route(session, pipeline_id=pipeline_id)),
            calls=[_call(row, allowed) for row in await reports.calls(session, pipeline_id)],
        )


@router.get("/usage", summary="What everything cost: total, by day (UTC), by model, and by what is asked for")
@needs(TokenRole.VIEWER)
async def of_all(services: ServicesOf, days: Days = 30, by: By = By.MODEL) -> Usage:
    """The total is of all time; everything else of today and so many days before it."""
    async with services.database.transaction() as session:
        by_day, by_model = await reports.by_day(session, days), await reports.by_model(session, days)
        known = {By.DAY: by_day, By.MODEL: by_model}
        return Usage(
            total=bill_view(await reports.total(session)),
            by_day=_bills(by_day),
            by_model=_bills(by_model),
            by=by,
            groups=_bills(known[by] if by in known else await grouping.by(session, by, days)),
            latency=_latencies(await latency.by_route(session, days=days)) if by is By.ROUTE else [],
        )


@router.get(
    "/usage/savings", summary="What local models, caches and JSON-first saved, and how that is reckoned"
)
@needs(TokenRole.VIEWER)
async def saved(
    services: ServicesOf, days: Days = 30, compared_with: str = COMPARED_WITH
) -> list[SavingView]:
    """`compared_with` names the profile that local models are compared with."""
    async with services.database.transaction() as session:
        found = await savings.savings(session, days, compared_with)
    return [SavingView.model_validate(each, from_attributes=True) for each in found]


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


def _bills(bills: Iterable[Bill]) -> list[BillView]:
    return [bill_view(bill) for bill in bills]


def _latencies(found: Iterable[RouteLatency]) -> list[LatencyView]:
    return [LatencyView.model_validate(each, from_attributes=True) for each in found]


def _call(row: PromptUsage, allowed: Mapping[str, float]) -> CallView:
    took = (row.settled_at - row.started_at).total_seconds() if row.settled_at else None
    return CallView(
        id=row.id,
        phase=row.phase,
        item=row.item,
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
        thinking_estimated=row.thinking_estimated,
        cost_usd=row.cost_usd,
        price_version=row.price_version,
        mode=row.mode,
        weakened=row.weakened,
        route=row.route,
        cascade_step=row.cascade_step,
        reason=row.reason,
        cached_from=row.cached_from,
        latency_s=took,
        is_late=took is not None and took > allowed.get(row.route or "", math.inf),
        started_at=row.started_at,
        settled_at=row.settled_at,
    )
