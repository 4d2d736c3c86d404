"""What a worker with nothing to do asks of the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import event

from app.pipelines.batches.feeder import Feeder
from app.pipelines.schedules.ticking import Ticker
from app.services import Services
from app.worker.sweep import find_orphans, sweep

LOOKS: dict[str, Callable[[Services], Awaitable[object]]] = {
    "runs of lost workers": lambda services: find_orphans(services.database),
    "lost wake-ups and waits": lambda services: sweep(services.database),
    "batches": lambda services: Feeder(services.database, services.pipelines).tick(),
    "schedules": lambda services: Ticker(services.database, services.pipelines.pin, services.renderer).tick(),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_a_look_that_finds_nothing_opens_no_transaction(services: Services, look: str) -> None:
    begun: list[object] = []
    event.listen(services.database.engine.sync_engine, "begin", begun.append)
    await LOOKS[look](services)
    assert begun == []
    async with services.database.transaction() as session:
        await session.connection()
    assert len(begun) == 1  # they would have been seen
