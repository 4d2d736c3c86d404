"""The engine of small parts, for tests of runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from app.db import Database
from tests.db.scripted import Engine, open_engine


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    async with open_engine(database) as opened:
        yield opened
