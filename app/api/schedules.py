"""Schedules: when which definition runs with which input."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.views import path_of
from app.errors import Invalid
from app.pipelines.schedules import editing, store
from app.pipelines.schedules.cron import parse
from app.pipelines.schedules.schedule import Checks, ScheduleDraft
from app.pipelines.schedules.ticking import Ticker
from app.services import Services
from app.tables import Missed, Schedule, TickOutcome, TokenRole

router = APIRouter(prefix="/schedules", tags=["schedules"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
SHOWN_TICKS = 5


class ScheduleView(BaseModel):
    """A schedule at a glance."""

    name: str
    cron: str
    timezone: str
    definition: str
    input_template: str
    project: str | None
    profile: str | None
    missed: Missed
    paused: bool
    number: int
    """Ticks so far that started a run or tried to."""
    next_at: datetime
    """UTC; of a paused schedule the tick at which it stopped."""
    last_error: str | None
    """Why the last tick made no run, or what it left out."""
    created_at: datetime
    edited_at: datetime | None


class ScheduleDetail(ScheduleView):
    upcoming: list[datetime]
    """The next ticks by the clock of the time zone; none while it is paused."""


class TickView(BaseModel):
    """What came of one tick."""

    tick_at: datetime
    outcome: TickOutcome
    pipeline_id: UUID | None
    """The run it started."""
    error: str | None
    seen_at: datetime


class RunView(BaseModel):
    pipeline_id: UUID
    """The run that was queued."""


@router.get("", summary="Every schedule")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[ScheduleView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await store.every(session)]


@router.post("", status_code=201, summary="Add a schedule")
@needs(TokenRole.AUTHOR)
async def add(body: ScheduleDraft, services: ServicesOf, response: Response) -> ScheduleDetail:
    """A fault is refused with its place: `cron`, `timezone`, `definition`, `input_template`, …"""
    row = await editing.add(_checks(services), body)
    response.headers["location"] = f"/schedules/{row.name}"
    return _detail(row)


@router.get("/{name}", summary="A schedule and when it comes next")
@needs(TokenRole.VIEWER)
async def show(name: Name, services: ServicesOf) -> ScheduleDetail:
    async with services.database.transaction() as session:
        return _detail(await store.get(session, name))


@router.put("/{name}", summary="Write a schedule, new or whole")
@needs(TokenRole.AUTHOR)
async def put(name: Name, body: ScheduleDraft, services: ServicesOf) -> ScheduleDetail:
    """Pausing and the number of its ticks stay as they are; new times begin with the next of them."""
    if body.name != name:
        raise Invalid(f"the address says {name!r} and the body {body.name!r}", place="name")
    return _detail(await editing.save(_checks(services), body))


@router.delete("/{name}", status_code=204, summary="Remove a schedule; the runs it started stay")
@needs(TokenRole.AUTHOR)
async def remove(name: Name, services: ServicesOf) -> None:
    async with services.database.transaction() as session:
        await store.remove(session, name)


@router.get("/{name}/ticks", summary="What came of the ticks of a schedule, newest first")
@needs(TokenRole.VIEWER)
async def ticks(
    name: Name, services: ServicesOf, limit: Annotated[int, Query(ge=1, le=store.KEPT_TICKS)] = 50
) -> list[TickView]:
    async with services.database.transaction() as session:
        await store.get(session, name)
        rows = await store.ticks(session, name, limit)
    return [TickView.model_validate(row, from_attributes=True) for row in rows]


@router.post("/{name}/pause", summary="Stop a schedule; pausing twice is pausing once")
@needs(TokenRole.OPERATOR)
async def pause(name: Name, services: ServicesOf) -> ScheduleDetail:
    async with services.database.transaction() as session:
        return _detail(await store.pause(session, name))


@router.post("/{name}/resume", summary="Go on with the next tick from now")
@needs(TokenRole.OPERATOR)
async def resume(name: Name, services: ServicesOf) -> ScheduleDetail:
    """Ticks that came while it was paused are not made up."""
    async with services.database.transaction() as session:
        return _detail(await store.resume(session, name))


@router.post("/{name}/run", status_code=202, summary="Start a run now; the schedule goes on as before")
@needs(TokenRole.OPERATOR)
async def run(name: Name, services: ServicesOf, response: Response) -> RunView:
    """It is a tick of its own, also of a paused schedule."""
    ticker = Ticker(services.database, services.pipelines.pin, services.renderer)
    pipeline_id = await ticker.run_now(name)
    response.headers["location"] = path_of(pipeline_id)
    return RunView(pipeline_id=pipeline_id)


def _checks(services: Services) -> Checks:
    return Checks(services.database, services.loader, services.renderer)


def _view(row: Schedule) -> ScheduleView:
    return ScheduleView.model_validate(row, from_attributes=True)


def _detail(row: Schedule) -> ScheduleDetail:
    upcoming: list[datetime] = []
    if not row.paused:  # one that can not be read was paused
        upcoming = parse(row.cron, row.timezone).upcoming(datetime.now(UTC), SHOWN_TICKS)
    return ScheduleDetail(**_view(row).model_dump(), upcoming=upcoming)
