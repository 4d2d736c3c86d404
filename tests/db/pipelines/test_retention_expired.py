"""What goes at an age of its own: answers kept for a key, and slots of processes that died."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import func, insert, select

from app.db import Database
from app.pipelines.retention import expired
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.portion import ROWS
from app.pipelines.retention.pruner import Pruner
from app.tables import CallSlot, IdempotentRequest
from tests.db.past import SNAPSHOT

FOR_EVER = Policy()


def pruner(database: Database, folder: Path) -> Pruner:
    return Pruner(database, folder, FOR_EVER, temporary=folder)


async def request(database: Database, hours: float, count: int = 1) -> None:
    async with database.transaction() as session:
        await session.execute(
            insert(IdempotentRequest),
            [
                {
                    "caller": "1", "key": f"{hours} {number}", "request_digest": SNAPSHOT, "status": 201,
                    "body": {},
                }
                for number in range(count)
            ],
        )  # fmt: skip
        old = IdempotentRequest.__table__.update().where(IdempotentRequest.key.startswith(f"{hours} "))
        await session.execute(old.values(created_at=func.now() - timedelta(hours=hours)))


async def slot(database: Database, expires_in: timedelta) -> None:
    async with database.transaction() as session:
        session.add(
            CallSlot(
                id=uuid4(), worker="w", backend="backend:ollama", profile="profile:local", batch="",
                priority=2, turn=1, tokens=10, granted_at=func.now(), expires_at=func.now() + expires_in,
            )
        )  # fmt: skip


async def test_an_answer_kept_for_a_key_goes_after_a_day(database: Database, tmp_path: Path) -> None:
    for hours in (1, 23, 25, 1000):
        await request(database, hours)
    assert await pruner(database, tmp_path).preview() == Pruned(requests=2)
    assert await pruner(database, tmp_path).prune() == Pruned(requests=2)
    assert await pruner(database, tmp_path).prune() == Pruned()


async def test_answers_go_a_thousand_at_a_time(database: Database) -> None:
    await request(database, 25, ROWS + 1)
    for gone in (Pruned(requests=ROWS), Pruned(requests=1), None):
        async with database.transaction() as session:
            assert await expired.prune_some(session) == gone


async def test_the_slot_of_a_process_that_died_goes_though_nobody_waits_for_it(
    database: Database, tmp_path: Path
) -> None:
    await slot(database, timedelta(seconds=-1))
    await slot(database, timedelta(minutes=1))
    assert await pruner(database, tmp_path).preview() == Pruned(slots=1)
    assert await pruner(database, tmp_path).prune() == Pruned(slots=1)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(CallSlot)) == 1
