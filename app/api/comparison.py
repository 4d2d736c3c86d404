"""Several runs side by side."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.pipelines.comparison import MOST, figures_of
from app.tables import TokenRole

router = APIRouter(tags=["pipelines"], dependencies=[Depends(bearer)])


class PhaseSide(BaseModel):
    phase: str
    kind: str
    outcomes: list[str]
    sent_back: int
    issues: list[str]
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str = "0"
    unpriced_calls: int = 0


class RunSide(BaseModel):
    id: UUID
    definition: str
    epic_description: str
    state: str
    error: dict[str, Any] | None
    reworks: int
    seconds: float
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    unpriced_calls: int
    phases: list[PhaseSide]


@router.get("/comparison", summary="Runs side by side: outcomes, what was sent back, tokens, cost")
@needs(TokenRole.VIEWER)
async def compare(
    services: ServicesOf, run: Annotated[list[UUID], Query(min_length=2, max_length=MOST)]
) -> list[RunSide]:
    """In the order in which they are given."""
    async with services.database.transaction() as session:
        found = await figures_of(session, run)
    return [RunSide.model_validate(figures.as_json()) for figures in found]
