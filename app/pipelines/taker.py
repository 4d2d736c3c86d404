"""Takes the leases of all runs that wake up in the same moment with one statement."""

from __future__ import annotations

import asyncio
from uuid import UUID

from app.db import Database
from app.failpoints import failpoint
from app.pipelines import leases
from app.pipelines.leases import Held


class Taker:
    """Each statement is a commit, and a backlog is handed out in handfuls."""

    def __init__(self, database: Database, worker: str, duration_s: float) -> None:
        self._database = database
        self._worker = worker
        self._duration_s = duration_s
        self._asked: dict[UUID, asyncio.Future[Held | None]] = {}
        self._taking: asyncio.Task[None] | None = None

    async def take(self, pipeline_id: UUID) -> Held | None:
        """None: it can not be had like this; a peek tells why. Raises what the database raises."""
        if pipeline_id in self._asked:
            return None
        asked: asyncio.Future[Held | None] = asyncio.get_running_loop().create_future()
        self._asked[pipeline_id] = asked
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._take_all())
        return await asked

    async def _take_all(self) -> None:
        """Until nobody asks any more. What is asked while a statement is under way goes with the next."""
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                held = await self._take_these(asked)
            except Exception as error:
                for future in asked.values():
                    if not future.done():  # who asked may have been cancelled
                        future.set_exception(error)
            else:
                for pipeline_id, future in asked.items():
                    if not future.done():
                        future.set_result(held.get(pipeline_id))

    async def _take_these(self, asked: dict[UUID, asyncio.Future[Held | None]]) -> dict[UUID, Held]:
        async with self._database.connection() as connection:
            with failpoint("database.take"):
                return await leases.take_many(connection, asked, self._worker, self._duration_s)
