"""Budgets: what may be spent, what is reserved and spent, what is left; and the prices that people set."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import needs
from app.api.context import CallerOf, ServicesOf
from app.api.docs import bearer
from app.api.usage import Dollars
from app.tables import TokenRole
from app.usage import budgets, prices
from app.usage.budget import BudgetState, defaults_of

router = APIRouter(tags=["budgets"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(max_length=100)]


class BudgetBody(BaseModel):
    """The limits of a budget; null: none of its own."""

    model_config = ConfigDict(extra="forbid")

    limit_usd: Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=6)] | None = None
    limit_tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None
    """Prompts and answers together, cached tokens too."""


class BudgetView(BaseModel):
    """A budget with the limit that counts for it. Money is a decimal string in US dollars."""

    name: str
    """`run` and `day` hold for every one; else `run:<id>`, `day:<date>`, `project:<name>`."""
    limit_usd: Dollars | None
    reserved_usd: Dollars
    """Of calls without a reply so far."""
    spent_usd: Dollars
    left_usd: Dollars | None
    limit_tokens: int | None
    reserved_tokens: int
    spent_tokens: int
    left_tokens: int | None
    unpriced: int
    """Calls whose price is unknown: the dollars lack them."""
    is_edited: bool
    """A person set its limit; else that of the settings, or of every run or day, counts."""


class PriceView(BaseModel):
    """What a model costs from a time on, in US dollars per million tokens."""

    backend: str
    model: str
    valid_from: datetime
    input: Dollars
    output: Dollars
    cache_read: Dollars | None
    cache_write: Dollars | None
    cache_write_1h: Dollars | None


@router.get(
    "/budgets", summary="Every run's and day's limits, today, projects, and runs that are not finished"
)
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[BudgetView]:
    async with services.database.transaction() as session:
        return [_view(state) for state in await budgets.states(session, defaults_of(services.settings))]


@router.get("/budgets/{name}", summary="One budget")
@needs(TokenRole.VIEWER)
async def one(name: Name, services: ServicesOf) -> BudgetView:
    async with services.database.transaction() as session:
        return _view(await budgets.state(session, name, defaults_of(services.settings)))


@router.put("/budgets/{name}", summary="Write the limits of a budget, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: BudgetBody, services: ServicesOf, caller: CallerOf) -> BudgetView:
    """They count from the next call on, in every worker. Runs that wait for this budget go on."""
    defaults = defaults_of(services.settings)
    limits = body.model_dump()
    return _view(await services.pipelines.change_budget(name, limits, defaults, caller.signature))


@router.get("/prices", summary="Prices that people set; they go before profiles and the price list")
@needs(TokenRole.VIEWER)
async def prices_set(services: ServicesOf) -> list[PriceView]:
    async with services.database.transaction() as session:
        rows = await prices.every(session)
    return [PriceView.model_validate(row, from_attributes=True) for row in rows]


def _view(state: BudgetState) -> BudgetView:
    return BudgetView.model_validate(state, from_attributes=True)
