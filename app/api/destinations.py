"""Where artifacts are sent, and what was. A command is code that runs here, so writing needs an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.errors import Invalid
from app.pipelines import store as pipelines
from app.pipelines.deliveries import store
from app.pipelines.deliveries.destination import DestinationDraft
from app.tables import AdapterName, DeliveryState, Destination, TokenRole

router = APIRouter(tags=["destinations"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class DestinationView(BaseModel):
    """What a person who writes definitions has to know."""

    name: str
    adapter: AdapterName
    dry_run: bool
    """True: what would be sent is written down and nothing leaves."""
    created_at: datetime
    edited_at: datetime | None


class DestinationDetail(DestinationView):
    config: dict[str, Any]
    """Of secrets only the names of the environment variables that hold them."""


class DeliveryView(BaseModel):
    """One thing that a phase of the run sent, or was about to."""

    phase: str
    round: int
    destination: str
    state: DeliveryState
    """`intended`: it may have arrived, nobody has written down what the receiver said."""
    idempotency_key: str
    payload_digest: str
    attempts: int
    response_status: int | None
    response_excerpt: str | None
    created_at: datetime
    sent_at: datetime | None


@router.get("/destinations", summary="Every destination, without its address")
@needs(TokenRole.AUTHOR)
async def every(services: ServicesOf) -> list[DestinationView]:
    async with services.database.transaction() as session:
        rows = await store.every(session)
    return [DestinationView.model_validate(row, from_attributes=True) for row in rows]


@router.post("/destinations", status_code=201, summary="Add a destination")
@needs(TokenRole.ADMIN)
async def add(body: DestinationDraft, services: ServicesOf, response: Response) -> DestinationDetail:
    """A dry run unless it says `"dry_run": false`."""
    async with services.database.transaction() as session:
        row = await store.add(session, body)
    response.headers["location"] = f"/destinations/{row.name}"
    return _detail(row)


@router.get("/destinations/{name}", summary="A destination with its address")
@needs(TokenRole.ADMIN)
async def show(name: Name, services: ServicesOf) -> DestinationDetail:
    async with services.database.transaction() as session:
        return _detail(await store.get(session, name))


@router.put("/destinations/{name}", summary="Write a destination, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: DestinationDraft, services: ServicesOf) -> DestinationDetail:
    """What is sent from now on goes there, in runs under way too."""
    if body.name != name:
        raise Invalid(f"the address says {name!r} and the body {body.name!r}", place="name")
    async with services.database.transaction() as session:
        return _detail(await store.save(session, body))


@router.delete(
    "/destinations/{name}", status_code=204, summary="Remove a destination that no definition uses"
)
@needs(TokenRole.ADMIN)
async def remove(name: Name, services: ServicesOf) -> None:
    async with services.database.transaction() as session:
        await store.remove(session, name)


@router.get("/pipelines/{pipeline_id}/deliveries", summary="What the run sent")
@needs(TokenRole.VIEWER)
async def of_run(pipeline_id: UUID, services: ServicesOf) -> list[DeliveryView]:
    async with services.database.transaction() as session:
        await pipelines.get(session, pipeline_id)
        rows = await store.of_run(session, pipeline_id)
    return [DeliveryView.model_validate(row, from_attributes=True) for row in rows]


def _detail(row: Destination) -> DestinationDetail:
    return DestinationDetail.model_validate(row, from_attributes=True)
