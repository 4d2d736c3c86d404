"""`Ticker`: starts the runs of the schedules that are due, one per tick however many workers look."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid, WorkbenchError
from app.pipelines import creation
from app.pipelines.creation import NewRun, Pinned
from app.pipelines.schedules import store
from app.pipelines.schedules.cron import Cron, parse
from app.pipelines.schedules.missed import MOST, Due, due
from app.pipelines.schedules.schedule import epic_of, values
from app.rendering.renderer import Renderer
from app.tables import Missed, Priority, Schedule, ScheduleTick, TickOutcome
from app.workspace.repository import NotARepository

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Schedules that one look deals with."""
ELSEWHERE = timedelta(seconds=30)
"""How long a worker without the repository leaves a tick to others, before it writes down the failure."""
TRIES = 5
BUSY_S = 1.0
"""Between two looks while a schedule is due."""
QUIET_S = 10.0
"""Between two looks while none is, at most: somebody may set the database's clock."""


class Pin(Protocol):
    """Pins a definition, a project and a profile for new runs. Raises `WorkbenchError`."""

    async def __call__(self, definition: str, project: str | None, profile: str | None) -> Pinned: ...


@dataclass(frozen=True)
class Made:
    """What the due ticks will start, made with no transaction open."""

    pinned: Pinned | None = None
    epics: dict[datetime, str] = field(default_factory=dict)
    errors: dict[datetime, str] = field(default_factory=dict)
    """Why there is no epic for a tick."""


class Ticker:
    """Every worker has one, and asks it as often as it says."""

    def __init__(self, database: Database, pin: Pin, renderer: Renderer) -> None:
        self._database = database
        self._pin = pin
        self._renderer = renderer
        self._waiting: dict[tuple[str, datetime], datetime] = {}
        """Ticks whose repository is not here, and since when they are left to others."""
        self._rest_s = BUSY_S

    def rest_s(self) -> float:
        """Seconds until the next look, by what the last one found: ticks come at the start of a minute."""
        return self._rest_s

    async def tick(self, now: datetime | None = None) -> int:
        """Look once at all schedules; the time is the database's unless it is given.

        One indexed query when nothing is due. Returns how many runs were started.
        """
        async with self._database.connection() as connection:
            look = await store.look(connection, now)
        self._rest_s = BUSY_S if look.is_due else min(QUIET_S, look.to_next_minute_s)
        if not look.is_due:
            self._waiting.clear()
            return 0
        async with self._database.transaction() as session:
            found = await store.due(session, now, AT_ONCE)
        keys = {(schedule.name, schedule.next_at) for schedule, _ in found}
        self._waiting = {key: since for key, since in self._waiting.items() if key in keys}
        return sum([await self._look(schedule, at) for schedule, at in found])

    async def run_now(self, name: str) -> UUID:
        """A tick of its own, now; the schedule goes on as before, paused or not.

        Raises `NotFound`, and what pinning or the template raises; then nothing was written.
        """
        for _ in range(TRIES):
            async with self._database.transaction() as session:
                seen = await store.get(session, name)
                now = await store.clock(session)
            pinned = await self._pin(seen.definition, seen.project, seen.profile)
            epic = await self._epic(seen, parse(seen.cron, seen.timezone), seen.number + 1, now)
            async with self._database.transaction() as session:
                row = await store.unchanged(session, seen, wait=True)
                if row is not None and await store.unseen(session, name, [now]):
                    run = NewRun(epic, Priority.INTERACTIVE)
                    (pipeline_id,) = await creation.insert(session, pinned, [run], queue=True)
                    await _record(session, name, [_started(now, pipeline_id)])
                    row.number += 1
                    row.last_error = None
                    return pipeline_id
        raise Conflict(f"the schedule {name!r} is changed all the time; try again")

    async def _look(self, seen: Schedule, now: datetime) -> int:
        """Deal with the ticks of one schedule up to now. Returns how many runs were started."""
        try:
            cron = parse(seen.cron, seen.timezone)
        except Invalid as error:  # a row that was not written by the service
            return await self._stop(seen, error.message)
        found = due(cron, Missed(seen.missed), seen.next_at, now)
        following = cron.after(now)
        if following is None:
            return await self._stop(seen, f"{cron.expression!r} does not come again")
        made = await self._make(seen, cron, found.run, now)
        if made is None:
            return 0
        async with self._database.transaction() as session:
            row = await store.unchanged(session, seen, wait=False)
            if row is None:
                return 0
            row.next_at = following
            return await _write(session, row, found, made)

    async def _make(
        self, seen: Schedule, cron: Cron, ticks: Sequence[datetime], now: datetime
    ) -> Made | None:
        """What the ticks start; None: another worker may have the repository."""
        if not ticks:
            return Made()
        try:
            pinned = await self._pin(seen.definition, seen.project, seen.profile)
        except WorkbenchError as error:
            since = self._waiting.setdefault((seen.name, seen.next_at), now)
            if isinstance(error, NotARepository) and now - since < ELSEWHERE:
                return None
            return Made(errors=dict.fromkeys(ticks, error.message))
        made = Made(pinned)
        for number, tick in enumerate(ticks, seen.number + 1):
            try:
                made.epics[tick] = await self._epic(seen, cron, number, tick)
            except WorkbenchError as error:
                made.errors[tick] = error.message
        return made

    async def _epic(self, seen: Schedule, cron: Cron, number: int, tick: datetime) -> str:
        return await epic_of(self._renderer, seen.input_template, values(seen.name, number, tick, cron))

    async def _stop(self, seen: Schedule, why: str) -> int:
        """Pause a schedule that can not go on, and say why."""
        async with self._database.transaction() as session:
            row = await store.unchanged(session, seen, wait=False)
            if row is not None:
                row.paused = True
                row.last_error = f"paused: {why}"
                log.warning("schedule %s is paused: %s", seen.name, why)
        return 0


async def _write(session: AsyncSession, row: Schedule, found: Due, made: Made) -> int:
    """The runs and what came of each tick, in the one transaction that moves the schedule on."""
    fresh = await store.unseen(session, row.name, [*found.run, *found.skip])
    start = [tick for tick in made.epics if tick in fresh]
    ids: list[UUID] = []
    if made.pinned is not None:
        runs = [NewRun(made.epics[tick], Priority.BATCH) for tick in start]
        ids = await creation.insert(session, made.pinned, runs, queue=True)
    ticks = [_started(tick, id_) for tick, id_ in zip(start, ids, strict=True)]
    ticks += [_ended(tick, TickOutcome.FAILED, why) for tick, why in made.errors.items() if tick in fresh]
    ticks += [_ended(tick, TickOutcome.SKIPPED) for tick in found.skip if tick in fresh]
    await _record(session, row.name, ticks)
    row.number += len(found.run)
    if found.run or found.left_out:
        row.last_error = _trouble(found, made)
    return len(ids)


async def _record(session: AsyncSession, name: str, ticks: Sequence[dict[str, Any]]) -> None:
    if ticks:
        await session.execute(insert(ScheduleTick), [{"schedule": name, **tick} for tick in ticks])
        await store.forget_old_ticks(session, name)


def _started(tick: datetime, pipeline_id: UUID) -> dict[str, Any]:
    return {"tick_at": tick, "outcome": TickOutcome.STARTED, "pipeline_id": pipeline_id, "error": None}


def _ended(tick: datetime, outcome: TickOutcome, error: str | None = None) -> dict[str, Any]:
    return {"tick_at": tick, "outcome": outcome, "pipeline_id": None, "error": error}


def _trouble(found: Due, made: Made) -> str | None:
    """Why the last tick made no run, or what was left out."""
    if made.errors:
        return made.errors[max(made.errors)]
    if found.left_out is not None:
        return f"more than {MOST} ticks were missed; those before {found.left_out.isoformat()} are left out"
    return None
