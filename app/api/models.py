"""Which models answer: the profiles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.pipelines import routing
from app.pipelines.profile import ProfileChange
from app.tables import ModelProfile, TokenRole

router = APIRouter(prefix="/models", tags=["models"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


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
    vram_gb: float | None
    """What it takes of the graphics card; null: unknown, or not on this machine."""
    max_turns: int
    """Questions one task may take, the first included."""
    code_channel: str
    is_edited: bool
    """A person changed it; seeding leaves it alone."""


@router.get("", summary="Every model profile")
@needs(TokenRole.VIEWER)
async def profiles(services: ServicesOf) -> list[ProfileView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await routing.profiles(session)]


@router.patch("/{name}", summary="Change a model profile; new runs use it")
@needs(TokenRole.ADMIN)
async def change(name: Name, body: ProfileChange, services: ServicesOf) -> ProfileView:
    """What is left out stays as it is. Runs that were created keep what they pinned."""
    async with services.database.transaction() as session:
        return _view(await routing.change_profile(session, name, body))


def _view(row: ModelProfile) -> ProfileView:
    columns = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    is_edited = columns.pop("edited_at") is not None
    return ProfileView.model_validate({**columns, "is_edited": is_edited})
