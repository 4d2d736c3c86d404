"""Tells who waits for runs, a few times a second at most: NOTIFY makes commits queue up behind each other."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from app.db import Database
from app.queue.signals import CHANNEL, payloads

log = logging.getLogger(__name__)

PAUSE_S = 0.02
"""Between two announcements; the first goes out at once."""


class Announcer:
    """Collects the runs that changed. Who watches looks by itself too, should an announcement be lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed: set[UUID] = set()
        self._sending: asyncio.Task[None] | None = None

    def tell(self, run: UUID) -> None:
        """The run has changed, and that is committed."""
        self._changed.add(run)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def flush(self) -> None:
        """Until all is told."""
        while self._sending is not None and not self._sending.done():
            await asyncio.wait({self._sending})

    async def _send(self) -> None:
        while self._changed:
            runs, self._changed = self._changed, set()
            try:
                async with self._database.connection() as connection:
                    for payload in payloads(runs):
                        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            except (psycopg.Error, PoolTimeout, PoolClosed, OSError) as error:
                log.debug("an announcement was lost: %s", error)
            await asyncio.sleep(PAUSE_S)
