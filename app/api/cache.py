"""Answers of models that are kept to be given again: how many, what they saved; and how they go."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.llm import cache_rows
from app.tables import TokenRole
from app.usage import reports

router = APIRouter(prefix="/cache", tags=["usage"], dependencies=[Depends(bearer)])

Days = Annotated[int, Query(ge=1, le=3650)]


class CacheView(BaseModel):
    """What is kept now, and what it saved today (UTC) and in so many days before."""

    entries: int
    bytes: int
    """Before compression."""
    days: int
    hits: int
    saved_tokens: int
    """Prompt and answer together."""
    saved_usd: float
    """Of the calls whose price is known."""


class Cleared(BaseModel):
    removed: int


@router.get("", summary="The answers that are kept to be given again, and what they saved")
@needs(TokenRole.VIEWER)
async def show(services: ServicesOf, days: Days = 30) -> CacheView:
    async with services.database.transaction() as session:
        state, saved = await cache_rows.state(session), await reports.saved(session, days)
    return CacheView(
        entries=state.entries,
        bytes=state.bytes,
        days=days,
        hits=saved.calls,
        saved_tokens=saved.tokens.total_input + saved.tokens.output,
        saved_usd=float(saved.cost_usd),
    )


@router.delete("", summary="Forget every cached answer")
@needs(TokenRole.ADMIN)
async def clear(services: ServicesOf) -> Cleared:
    """The next call of each kind asks a model again."""
    return Cleared(removed=await services.cache.clear())
