"""Which models answer: profiles, and the routes that phases name."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.pipelines import routing
from app.tables import TokenRole

router = APIRouter(tags=["models"], dependencies=[Depends(bearer)])


class ProfileView(BaseModel):
    """A model profile."""

    name: str
    description: str
    backend: str
    model: str
    context_tokens: int
    max_output_tokens: int
    think: str
    temperature: float | None
    timeout_s: float | None
    """Null: the setting of the service."""
    price_usd_per_mtok: dict[str, float] | None
    """Null: the public price list."""


class RouteView(BaseModel):
    name: str
    description: str
    profile: str


@router.get("/models", summary="Every model profile")
@needs(TokenRole.VIEWER)
async def profiles(services: ServicesOf) -> list[ProfileView]:
    async with services.database.transaction() as session:
        rows = await routing.profiles(session)
    return [ProfileView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/routes", summary="Every route and the profile it leads to")
@needs(TokenRole.VIEWER)
async def routes(services: ServicesOf) -> list[RouteView]:
    async with services.database.transaction() as session:
        rows = await routing.routes(session)
    return [RouteView.model_validate(row, from_attributes=True) for row in rows]
