"""The statements of a tick find their rows by index, whatever the size of the batch."""

from __future__ import annotations

from typing import Any

import pytest_asyncio
from sqlalchemy import TextClause, text

from app.pipelines.batches.feeder import DUE, QUEUED, STARTED
from app.pipelines.batches.settling import ENDED, MOVE
from app.tables import Batch
from tests.db.batching import Bench

ITEMS = 100_000


@pytest_asyncio.fixture
async def large(bench: Bench) -> Batch:
    """100,000 pending items, and statistics that know of them."""
    batch = await bench.create(["a"] * ITEMS)
    await bench.execute("ANALYZE batch_items")
    return batch


async def test_a_tick_scans_no_table(bench: Bench, large: Batch) -> None:
    some = {"numbers": [1, 2, 3], "states": ["dead"] * 3, "errors": [None] * 3, "pauses": [0.0] * 3}
    runs = {"numbers": [1, 2, 3], "runs": (await bench.runs(large))[:3]}
    plans = {
        "due": await plan(bench, DUE, batch=large.id, room=8),
        "ended": await plan(bench, ENDED, batch=large.id),
        "queued": await plan(bench, QUEUED, batch=large.id),
        "move": await plan(bench, MOVE, batch=large.id, **some),
        "started": await plan(bench, STARTED, batch=large.id, **runs),
    }
    for name, found in plans.items():
        assert "Seq Scan on batch_items" not in found, f"{name}:\n{found}"
    assert "ix_batch_items_due" in plans["due"]
    assert "Sort" not in plans["due"]
    assert "ix_batch_items_running" in plans["ended"]
    assert "ix_batch_items_running" in plans["queued"]


async def plan(bench: Bench, statement: TextClause, **values: Any) -> str:
    async with bench.database.transaction() as session:
        rows = await session.execute(text(f"EXPLAIN {statement.text}"), values)
        return "\n".join(rows.scalars())
