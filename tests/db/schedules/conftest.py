"""Schedules on a real database, and tickers that look at them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from app.db import Database
from app.pipelines.definition import Phase
from app.rendering.renderer import Renderer
from tests.db.clockwork import Clockwork
from tests.db.scripted import Scripted, open_engine


@pytest_asyncio.fixture
async def clockwork(database: Database) -> AsyncIterator[Clockwork]:
    renderer = Renderer()
    async with open_engine(database) as engine:
        engine.kinds["kind-a"] = Scripted()
        await engine.define(Phase(name="a", kind="kind-a"))
        yield Clockwork(engine, renderer)
    await renderer.close()
