"""Bearer tokens over REST: make one, list them, revoke one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from app import tokens
from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.tables import ApiToken, TokenRole

router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(bearer)])


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    role: TokenRole
    days: int | None = Field(None, ge=1, le=3650)
    """How long it is good; null: until it is revoked."""


class TokenView(BaseModel):
    id: int
    name: str
    prefix: str
    role: TokenRole
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class FreshToken(TokenView):
    token: str
    """The text; it is shown only now."""


@router.get("", summary="Every token, without its text")
@needs(TokenRole.ADMIN)
async def every(services: ServicesOf) -> list[TokenView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await tokens.every(session)]


@router.post("", status_code=201, summary="Make a token; its text is in this answer and nowhere else")
@needs(TokenRole.ADMIN)
async def create(body: NewToken, services: ServicesOf) -> FreshToken:
    lifetime = None if body.days is None else timedelta(days=body.days)
    async with services.database.transaction() as session:
        row, text = await tokens.create(session, body.name, body.role, lifetime)
    return FreshToken(**_view(row).model_dump(), token=text)


@router.delete("/{token_id}", summary="Revoke a token")
@needs(TokenRole.ADMIN)
async def revoke(token_id: Annotated[int, Path(ge=1, le=2**31 - 1)], services: ServicesOf) -> TokenView:
    async with services.database.transaction() as session:
        return _view(await tokens.revoke(session, token_id))


def _view(row: ApiToken) -> TokenView:
    return TokenView.model_validate(row, from_attributes=True)
