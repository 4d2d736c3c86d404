"""What every worker looks after, until it is told to stop."""

from __future__ import annotations

import asyncio

import psycopg

from app.queue.outage import Outage
from app.worker.chore import Chore, look_after


async def test_a_chore_ends_although_a_lost_connection_swallows_that_it_was_cancelled() -> None:
    async def do() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise psycopg.OperationalError("the connection is closed") from None

    begun = asyncio.Event()
    looking = asyncio.create_task(look_after(Chore("sweep", 0.01, do), Outage()))
    await begun.wait()
    looking.cancel()
    assert await asyncio.wait({looking}, timeout=10) == ({looking}, set())
