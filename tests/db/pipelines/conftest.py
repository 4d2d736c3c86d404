"""The engine of small parts, for tests of runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.db import Database
from app.services import Services
from tests.db.past import Past
from tests.db.scripted import Engine, open_engine
from tests.db.software import Shop


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    async with open_engine(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def shop(services: Services, tmp_path: Path) -> Shop:
    """A person's repository with two packages and tests of its own, registered as a project."""
    if "WORKBENCH_IN_SANDBOX" in os.environ:
        pytest.skip("there is no sandbox inside a sandbox, and the tests of the shop run in one")
    made = Shop(services, tmp_path)
    await made.register()
    return made
