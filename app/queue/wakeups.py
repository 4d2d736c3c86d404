"""Put a wake-up on the queue, and hand wake-ups to a handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

from pgqueuer.core.qm import QueueManager
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.queue.driver import PoolDriver, SessionDriver
from app.queue.listener import Listener

log = logging.getLogger(__name__)

ENTRYPOINT = "run_pipeline"
HEARTBEAT = timedelta(seconds=5)
"""A job whose worker gave no sign for this long is picked again."""
POLL = timedelta(seconds=2)
"""How long a lost NOTIFY or a dead worker's job can go unnoticed; a retry that is due is on time."""
AFTER_ERROR = timedelta(seconds=1)

Handler = Callable[[UUID], Awaitable[timedelta | None]]
"""Works on a run. Returns None when the wake-up is used up, or after how long to ask again."""


async def wake(session: AsyncSession, runs: Mapping[UUID, int]) -> None:
    """Enqueue a wake-up for each run, with its priority, in the caller's transaction."""
    if runs:
        await Queries(SessionDriver(session)).enqueue(
            [ENTRYPOINT] * len(runs), [str(run).encode() for run in runs], list(runs.values())
        )


async def consume(
    database: Database, listener: Listener, handler: Handler, *, concurrency: int, stop: asyncio.Event
) -> None:
    """Hand wake-ups to `handler` until `stop` is set; then wait for the handlers under way.

    Raises what the database raises when it is lost; calling again resumes.
    """
    manager = QueueManager(Queries(PoolDriver(database, listener)))

    @manager.entrypoint(ENTRYPOINT)
    async def handle(job: Job) -> None:
        await _use(job, handler)

    stopper = asyncio.create_task(_forward(stop, manager.shutdown))
    try:
        await manager.run(
            dequeue_timeout=POLL,
            batch_size=max(1, concurrency // 2),
            max_concurrent_tasks=max(2, concurrency),
            heartbeat_timeout=HEARTBEAT,
        )
    finally:
        stopper.cancel()


async def _forward(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()


async def _use(job: Job, handler: Handler) -> None:
    """The queue drops a job whose handler returns or raises anything but RetryRequested."""
    try:
        again = await handler(UUID((job.payload or b"").decode()))
    except Exception as error:
        log.exception("a wake-up could not be handled and is kept")
        raise RetryRequested(delay=AFTER_ERROR, reason=type(error).__name__) from error
    if again is not None:
        raise RetryRequested(delay=again, reason="the run is not ours to finish now")
