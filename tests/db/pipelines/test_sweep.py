"""How much of the database a sweep looks at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from app.pipelines import creation
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.creation import NewRun
from app.pipelines.rows import RowSource
from app.pipelines.snapshot import Policy
from app.worker.sweep import FIRST, LOST_WAKEUPS, ORPHANS
from tests.db.scripted import Engine, Scripted

RUNS = 300
OLD = text("UPDATE pipelines SET updated_at = clock_timestamp() - interval '1 minute'")
LOST = text(
    "UPDATE pipelines SET state = 'running', worker = 'w', "
    "lease_expires_at = clock_timestamp() - interval '1 second'"
)


async def queue(engine: Engine, runs: int) -> None:
    """Runs with a wake-up each, in tables that nobody has analyzed."""
    await engine.create(Scripted())
    pin = partial(creation.pin, definition="small", project=None, profile=None, policy=Policy())
    pinned = await pin(engine.database, ConfigurationLoader(RowSource()))
    async with engine.database.transaction() as session:
        await creation.insert(session, pinned, [NewRun("An epic")] * runs, queue=True)


def examined(plan: dict[str, Any]) -> Iterator[float]:
    """Rows that each step of a plan read, given out or left out."""
    rows = (
        plan["Actual Rows"]
        + plan.get("Rows Removed by Filter", 0)
        + plan.get("Rows Removed by Join Filter", 0)
    )
    yield rows * plan["Actual Loops"]
    for step in plan.get("Plans", ()):
        yield from examined(step)


CASES = {"wake-ups were lost": (LOST_WAKEUPS, OLD), "workers were lost": (ORPHANS, LOST)}


@pytest.mark.parametrize("what", CASES)
async def test_a_sweep_never_compares_every_run_with_every_wake_up(engine: Engine, what: str) -> None:
    query, before = CASES[what]
    await queue(engine, RUNS)
    async with engine.database.transaction() as session:
        await session.execute(before)
        explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}")
        values = {"first": FIRST} if query is ORPHANS else {}
        [document] = (await session.scalars(explain, values)).all()
    assert sum(examined(document[0]["Plan"])) < 15 * RUNS
