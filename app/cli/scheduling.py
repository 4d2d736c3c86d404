"""Carries out `schedules`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.cli.repository import provide_project
from app.pipelines.schedules import editing, store
from app.pipelines.schedules.cron import parse
from app.pipelines.schedules.schedule import Checks, ScheduleDraft, read
from app.pipelines.schedules.ticking import Ticker
from app.services import Services
from app.tables import Schedule, ScheduleTick

SHOWN_TICKS = 5
OPTIONAL = ("project", "profile")


def list_schedules(*, as_json: bool) -> None:
    async def look(services: Services) -> Sequence[Schedule]:
        async with services.database.transaction() as session:
            return await store.every(session)

    found = with_services(read_settings(), look)
    if as_json:
        print_json([_as_json(schedule) for schedule in found])
        return
    if not found:
        say(stdout(), f"no schedules yet; `{command('schedules', 'add', '--help')}` says how to make one")
        return
    made = table("schedule", "cron", "time zone", "definition", "missed", "next")
    for schedule in found:
        row(
            made,
            *(schedule.name, schedule.cron, schedule.timezone, schedule.definition, schedule.missed),
            _next(schedule),
        )
    emit(stdout(), made)


def show(name: str, *, as_json: bool) -> None:
    async def look(services: Services) -> tuple[Schedule, Sequence[ScheduleTick]]:
        async with services.database.transaction() as session:
            return await store.get(session, name), await store.ticks(session, name, SHOWN_TICKS)

    schedule, ticks = with_services(read_settings(), look)
    upcoming = _upcoming(schedule)
    if as_json:
        print_json(
            _as_json(schedule) | {"upcoming": upcoming, "ticks": [_tick_as_json(tick) for tick in ticks]}
        )
        return
    for field in ("name", "cron", "timezone", "definition", "project", "profile", "missed", "last_error"):
        if (value := getattr(schedule, field)) is not None:
            say(stdout(), (f"{field.replace('_', ' '):<12}", "dim"), str(value))
    say(stdout(), ("next        ", "dim"), ", ".join(upcoming) or "paused")
    say(stdout(), ("input       ", "dim"), schedule.input_template.strip())
    made = table("tick (UTC)", "outcome", "run or reason")
    for tick in ticks:
        row(made, f"{tick.tick_at:%Y-%m-%d %H:%M:%S}", tick.outcome, tick.pipeline_id or tick.error or "")
    emit(stdout(), made)


def add(name: str, given: Mapping[str, Any]) -> None:
    draft = read({"name": name, **_without_empty(given)})

    async def write(services: Services) -> Schedule:
        if draft.project is not None:
            await provide_project(services, draft.project)
        return await editing.add(_checks(services), draft)

    _stored(with_services(read_settings(), write))


def edit(name: str, given: Mapping[str, Any]) -> None:
    async def write(services: Services) -> Schedule:
        async with services.database.transaction() as session:
            before = await store.get(session, name)
        values = {field: getattr(before, field) for field in ScheduleDraft.model_fields}
        draft = read(_without_empty({**values, **given}))
        if draft.project is not None:
            await provide_project(services, draft.project)
        return await editing.save(_checks(services), draft)

    _stored(with_services(read_settings(), write))


def pause(name: str) -> None:
    _change(name, store.pause)
    say(stdout(), f"{name} is paused")


def resume(name: str) -> None:
    schedule = _change(name, store.resume)
    say(stdout(), f"{name} goes on; next: {_next(schedule)}")


def run(name: str) -> None:
    async def start(services: Services) -> UUID:
        return await Ticker(services.database, services.pipelines.pin, services.renderer).run_now(name)

    made = with_services(read_settings(), start)
    say(stdout(), f"run {made} is queued for the next worker")


def remove(name: str) -> None:
    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await store.remove(session, name)

    with_services(read_settings(), write)
    say(stdout(), f"{name} is removed; the runs that it started stay")


def _change(name: str, change: Callable[[AsyncSession, str], Awaitable[Schedule]]) -> Schedule:
    async def write(services: Services) -> Schedule:
        async with services.database.transaction() as session:
            return await change(session, name)

    return with_services(read_settings(), write)


def _stored(schedule: Schedule) -> None:
    say(stdout(), f"{schedule.name} stored; next: {_next(schedule)}")


def _checks(services: Services) -> Checks:
    return Checks(services.database, services.loader, services.renderer)


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in values.items() if value or field not in OPTIONAL}


def _upcoming(schedule: Schedule) -> list[str]:
    """The next times by the clock of the schedule; none while it is paused."""
    if schedule.paused:
        return []
    found = parse(schedule.cron, schedule.timezone).upcoming(datetime.now(UTC), SHOWN_TICKS)
    return [f"{tick:%Y-%m-%d %H:%M %z}" for tick in found]


def _next(schedule: Schedule) -> str:
    return next(iter(_upcoming(schedule)), "paused")


def _as_json(schedule: Schedule) -> dict[str, Any]:
    fields = (*ScheduleDraft.model_fields, "paused", "number", "last_error")
    values = {field: getattr(schedule, field) for field in fields}
    return values | {"next_at": schedule.next_at.isoformat()}


def _tick_as_json(tick: ScheduleTick) -> dict[str, Any]:
    return {
        "tick_at": tick.tick_at.isoformat(),
        "outcome": tick.outcome,
        "pipeline_id": tick.pipeline_id and str(tick.pipeline_id),
        "error": tick.error,
    }
