"""Processes that share the limits of one database, and calls that stay in flight until a test ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.limits.limits import CallLimits
from app.limits.slot import Slot
from app.queue.listener import Listener
from app.tables import CallLimit
from tests.db.scripted import LIMIT_S, soon

CALL: dict[str, Any] = {"backend": "a", "profile": "p", "tokens": 10}


class Holding:
    """A call that is asked for at once, and stays in flight until it is let go."""

    def __init__(self, limits: CallLimits, **call: Any) -> None:
        self.inside = asyncio.Event()
        self.slot: Slot | None = None
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._hold(limits, CALL | call))

    async def _hold(self, limits: CallLimits, call: dict[str, Any]) -> None:
        async with limits.slot(**call) as self.slot:
            self.inside.set()
            await self._leave.wait()

    async def end(self) -> None:
        self._leave.set()
        await soon(self.task)


async def held(limits: CallLimits, **call: Any) -> Holding:
    """A call in flight."""
    holding = Holding(limits, **call)
    await soon(holding.inside.wait())
    return holding


async def waiting(database: Database, limits: CallLimits, **call: Any) -> Holding:
    """A call that stands in the table and waits."""
    before = await count(database, "granted_at IS NULL")
    holding = Holding(limits, **call)
    async with asyncio.timeout(LIMIT_S):
        while await count(database, "granted_at IS NULL") == before:  # noqa: ASYNC110 - a row sets no event
            await asyncio.sleep(0.005)
    return holding


@asynccontextmanager
async def process(database: Database, wait_s: float = LIMIT_S) -> AsyncIterator[CallLimits]:
    """Limits as one process has them."""
    listener = Listener(database.url)
    limits = CallLimits(database, listener, wait_s=wait_s)
    try:
        yield limits
    finally:
        await limits.close()
        await listener.close()


async def limit(database: Database, name: str = "backend:a", **figures: int | None) -> None:
    """Write a limit with just these figures; without any, take it away."""
    values = {"max_concurrent": None, "requests_per_minute": None, "tokens_per_minute": None, **figures}
    async with database.transaction() as session:
        if not figures:
            await session.execute(delete(CallLimit).where(CallLimit.name == name))
            return
        await session.execute(
            insert(CallLimit)
            .values(name=name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )


async def count(database: Database, where: str = "true") -> int:
    """How many slots there are."""
    async with database.statement() as connection:
        found = await connection.execute(text(f"SELECT count(*) FROM call_slots WHERE {where}"))  # noqa: S608 - constants of the tests
        return int(found.scalar_one())


async def say(database: Database, statement: str) -> None:
    async with database.statement() as connection:
        await connection.execute(text(statement))
