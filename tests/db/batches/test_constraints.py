"""What the database itself refuses of a batch."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from tests.db.batching import Bench

BAD = {
    "counts that do not add up": "UPDATE batches SET succeeded = 1",
    "a negative count": "UPDATE batches SET pending = pending + 2, dead = -1, running = running - 1",
    "a state nobody knows": "UPDATE batches SET state = 'done'",
    "an end while something is left": "UPDATE batches SET state = 'finished', finished_at = now()",
    "a batch that goes on and has the time of its end": "UPDATE batches SET finished_at = now()",
    "a batch that goes on and was pruned": "UPDATE batches SET pruned_at = now()",
    "no concurrency": "UPDATE batches SET concurrency = 0",
    "no attempts": "UPDATE batches SET max_attempts = 0",
    "an item in a state nobody knows": "UPDATE batch_items SET state = 'fine'",
    "an item that runs without a run": "UPDATE batch_items SET state = 'running' WHERE number = 2",
    "an item that ended and has no time": "UPDATE batch_items SET state = 'dead'",
    "an item that waits and has the time of its end": "UPDATE batch_items SET ended_at = now()",
    "item number 0": "UPDATE batch_items SET number = 0 WHERE number = 1",
    "a run of an item of no batch": "UPDATE pipelines SET batch_id = NULL",
}


@pytest.mark.parametrize("what", BAD)
async def test_the_database_refuses(bench: Bench, what: str) -> None:
    await bench.create(["a", "b"], concurrency=1)
    with pytest.raises(IntegrityError):
        await bench.execute(BAD[what])
