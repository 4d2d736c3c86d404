"""What schedules need, on a real database: a definition, a renderer, and tickers that look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.db import Database
from app.pipelines import creation, store
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.creation import Pinned
from app.pipelines.rows import RowSource
from app.pipelines.schedules import store as schedules
from app.pipelines.schedules.schedule import Checks, ScheduleDraft, check
from app.pipelines.schedules.ticking import Ticker
from app.pipelines.snapshot import Policy
from app.rendering.renderer import Renderer
from app.tables import Pipeline, Schedule, ScheduleTick
from tests.db.scripted import Engine

NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "cron": "0 9 * * *",
    "timezone": "America/Los_Angeles",
    "definition": "small",
    "input_template": "Tidy up on {{ tick_date }} ({{ name }} {{ number }})",
}


@dataclass
class Clockwork:
    """A definition `small`, and what schedules need."""

    engine: Engine
    renderer: Renderer
    loader: ConfigurationLoader = field(default_factory=lambda: ConfigurationLoader(RowSource()))

    @property
    def database(self) -> Database:
        return self.engine.database

    @property
    def checks(self) -> Checks:
        return Checks(self.database, self.loader, self.renderer)

    def ticker(self) -> Ticker:
        return Ticker(self.database, self.pin, self.renderer)

    async def pin(self, definition: str, project: str | None, profile: str | None) -> Pinned:
        return await creation.pin(
            self.database,
            self.loader,
            definition=definition,
            project=project,
            profile=profile,
            policy=Policy(),
        )

    async def add(self, next_at: datetime | None = None, **changes: Any) -> Schedule:
        """A schedule that was checked; with `next_at` it looks as if nobody had seen it since then."""
        draft = ScheduleDraft(**NIGHTLY | changes)
        cron = await check(draft, self.checks)
        async with self.database.transaction() as session:
            row = await schedules.add(session, draft, cron)
            row.next_at = next_at or row.next_at
        return row

    async def get(self, name: str = "nightly") -> Schedule:
        async with self.database.transaction() as session:
            return await schedules.get(session, name)

    async def ticks(self, name: str = "nightly") -> list[ScheduleTick]:
        """Oldest first."""
        async with self.database.transaction() as session:
            return list(await schedules.ticks(session, name, 1000))[::-1]

    async def runs(self) -> list[Pipeline]:
        """Oldest first."""
        async with self.database.transaction() as session:
            return list(await store.page(session, after=None, limit=1000))[::-1]
