"""A bench for batches."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from app.db import Database
from app.pipelines.batches.service import BatchService
from tests.db.batching import Bench, classify
from tests.db.scripted import Doing, open_engine


@pytest_asyncio.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    async with open_engine(database) as engine:
        made = Bench(engine, BatchService(database, engine.service))
        await made.use(Doing(classify))
        yield made
