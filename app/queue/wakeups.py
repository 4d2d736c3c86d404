"""Put a wake-up on the queue, and hand wake-ups to a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.queue.consumer import ENTRYPOINT, Consumer, Handler
from app.queue.driver import SessionDriver
from app.queue.listener import Listener


async def wake(session: AsyncSession, runs: Mapping[UUID, int]) -> None:
    """Enqueue a wake-up for each run, with its priority, in the caller's transaction."""
    if runs:
        await Queries(SessionDriver(session)).enqueue(
            [ENTRYPOINT] * len(runs), [str(run).encode() for run in runs], list(runs.values())
        )


async def consume(
    database: Database, listener: Listener, handler: Handler, *, concurrency: int, stop: asyncio.Event
) -> None:
    """Hand wake-ups to `handler` until `stop` is set; then wait for the handlers under way."""
    await Consumer(database, listener, handler, concurrency).work(stop)
