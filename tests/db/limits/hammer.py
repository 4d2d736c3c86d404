"""A process that calls again and again within the limits: `python hammer.py URL CALLS`.

In each call it writes a row to `inside` and counts the rows. Rows of other processes are committed, so
whoever comes last of too many at once sees too many. It prints the most that it saw.
"""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import text

from app.db import Database
from app.limits.limits import CallLimits
from app.queue.listener import Listener


async def hammer(url: str, calls: int) -> int:
    database, listener = Database(url), Listener(url)
    limits = CallLimits(database, listener, wait_s=60)
    try:
        return max(await asyncio.gather(*(_calls(database, limits, calls) for _ in range(2))))
    finally:
        await limits.close()
        await listener.close()
        await database.close()


async def _calls(database: Database, limits: CallLimits, calls: int) -> int:
    """One after the other, so that there is often room, and somebody else who wants it."""
    return max([await _call(database, limits) for _ in range(calls)])


async def _call(database: Database, limits: CallLimits) -> int:
    async with limits.slot(backend="a", profile="p", tokens=10), database.statement() as connection:
        row = (await connection.execute(text("INSERT INTO inside DEFAULT VALUES RETURNING id"))).scalar_one()
        seen = (await connection.execute(text("SELECT count(*) FROM inside"))).scalar_one()
        await connection.execute(text("DELETE FROM inside WHERE id = :row"), {"row": row})
    return int(seen)


if __name__ == "__main__":
    print(asyncio.run(hammer(sys.argv[1], int(sys.argv[2]))))
