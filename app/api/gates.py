"""Gates that changes have to pass. A gate's command is code that runs here, so writing needs an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.errors import Invalid
from app.pipelines import gates
from app.pipelines.gates import GateDraft
from app.tables import Gate, TokenRole

router = APIRouter(prefix="/gates", tags=["gates"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class GateView(BaseModel):
    """A check, and the changed files that it looks at."""

    name: str
    kind: str
    description: str
    files: list[str]
    settings: dict[str, Any]
    created_at: datetime
    edited_at: datetime | None
    """A person changed it; seeding leaves it alone."""


@router.get("", summary="Every gate")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[GateView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await gates.every(session)]


@router.get("/{name}", summary="A gate")
@needs(TokenRole.VIEWER)
async def show(name: Name, services: ServicesOf) -> GateView:
    async with services.database.transaction() as session:
        return _view(await gates.get(session, name))


@router.put("/{name}", summary="Write a gate, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: GateDraft, services: ServicesOf) -> GateView:
    """Projects use it from the next test on, in runs under way too; a phase keeps what its run pinned."""
    if body.name != name:
        raise Invalid(f"the address says {name!r} and the body {body.name!r}", place="name")
    async with services.database.transaction() as session:
        return _view(await gates.save(session, body))


@router.delete("/{name}", status_code=204, summary="Remove a gate that nothing names")
@needs(TokenRole.ADMIN)
async def remove(name: Name, services: ServicesOf) -> None:
    """Runs that pinned it keep it."""
    async with services.database.transaction() as session:
        await gates.remove(session, name)


def _view(row: Gate) -> GateView:
    return GateView.model_validate(row, from_attributes=True)
