"""Limits of model calls: what they allow, who is in, who waits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.limits import store
from app.limits.store import LimitState
from app.tables import TokenRole

router = APIRouter(prefix="/limits", tags=["limits"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^(backend|profile):[a-z0-9][a-z0-9._-]{0,63}$")]
Figure = Annotated[int, Field(gt=0, le=2_000_000_000)]


class LimitBody(BaseModel):
    """The figures of a limit; null: any number."""

    model_config = ConfigDict(extra="forbid")

    max_concurrent: Figure | None = None
    """Calls at once, of all workers."""
    requests_per_minute: Figure | None = None
    tokens_per_minute: Figure | None = None
    """Prompt and answer together, as estimated before the call."""


class LimitView(BaseModel):
    """A limit, and the calls that are counted against it now."""

    name: str
    """`backend:…` or `profile:…`"""
    max_concurrent: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    in_use: int
    waiting: int
    opens_in_s: float
    """How long its rates let no call start, in seconds."""
    is_edited: bool
    """A person changed it; seeding leaves it alone."""


@router.get("", summary="Every limit of model calls, and how full it is")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[LimitView]:
    async with services.database.transaction() as session:
        return [_view(state) for state in await store.states(session)]


@router.put("/{name}", summary="Write a limit, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: LimitBody, services: ServicesOf) -> LimitView:
    """It counts from the next call on, in every worker."""
    async with services.database.transaction() as session:
        return _view(await store.change(session, name, body.model_dump(), services.backends))


def _view(state: LimitState) -> LimitView:
    return LimitView(
        name=state.name,
        max_concurrent=state.max_concurrent,
        requests_per_minute=state.requests_per_minute,
        tokens_per_minute=state.tokens_per_minute,
        in_use=state.in_use,
        waiting=state.waiting,
        opens_in_s=state.opens_in,
        is_edited=state.edited_at is not None,
    )
