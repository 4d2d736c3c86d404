"""What every worker looks after, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

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


@pytest.mark.parametrize("every_s", [0.0, lambda: 0.0])
async def test_a_chore_rests_as_long_as_it_says(every_s: float | Callable[[], float]) -> None:
    await turns(3, Chore("sweep", every_s, anything))


async def test_a_chore_that_lost_the_database_does_not_rest_as_long_as_otherwise() -> None:
    async def lose() -> None:
        raise psycopg.OperationalError("the connection is closed")

    await turns(2, Chore("sweep", 3600.0, lose))


async def anything() -> None:
    return


async def turns(wanted: int, chore: Chore) -> None:
    """Look after it until it was done so often."""
    made = asyncio.Semaphore(0)

    async def do() -> None:
        made.release()
        await chore.do()

    looking = asyncio.create_task(look_after(replace(chore, do=do), Outage()))
    async with asyncio.timeout(10):
        for _ in range(wanted):
            await made.acquire()
    looking.cancel()
    await asyncio.wait({looking})
