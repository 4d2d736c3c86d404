"""Takes wake-ups off the queue as places become free, and hands them to a handler."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

from pgqueuer.models import Job
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from pgqueuer.types import JobId, QueueEntrypoint, QueueManagerId

from app import db
from app.db import Database
from app.queue.driver import PoolDriver
from app.queue.listener import Listener
from app.queue.outage import LOST, Outage

log = logging.getLogger(__name__)

ENTRYPOINT = "run_pipeline"
CHANNEL = "ch_pgqueuer"
HEARTBEAT = timedelta(seconds=5)
"""A job whose worker gave no sign for this long is picked again."""
POLL_S = 2.0
"""How long a lost NOTIFY or a dead worker's job can go unnoticed."""
AFTER_ERROR = timedelta(seconds=1)
TRIES = 3
"""To put a job back."""

Handler = Callable[[UUID], Awaitable[timedelta | None]]
"""Works on a run. Returns None when the wake-up is used up, or after how long to ask again."""


class Consumer:
    """Uses PgQueuer's table and statements, with a loop of its own.

    PgQueuer's loop counts its places in the database and looks again after 100 ms when they are all taken;
    this one knows its places, and takes the next job as soon as one is free.
    """

    def __init__(self, database: Database, listener: Listener, handler: Handler, concurrency: int) -> None:
        self._queries = Queries(PoolDriver(database, listener))
        self._listener = listener
        self._handler = handler
        self._concurrency = concurrency
        self._me = QueueManagerId(uuid4())
        self._running: dict[JobId, asyncio.Task[None]] = {}
        self._used: list[Job] = []
        """Jobs that are done, and not deleted yet."""
        self._more = True
        """There may be jobs that nobody has taken yet."""
        self._look = asyncio.Event()
        self._outage = Outage()

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and the last handler has ended.

        A database that is away is waited for; raises what a database raises that lacks the queue.
        """
        stopping = asyncio.create_task(self._hurry_on(stop))
        beating = asyncio.create_task(self._beat_for_ever())
        try:
            await self._hear_of_jobs(stop)
            while not stop.is_set():
                self._look.clear()
                await self._survive(self._turn)
                await self._pause()
        except BaseException:
            for handler in self._running.values():  # nobody waits for the end of what is under way
                handler.cancel()
            raise
        finally:
            stopping.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            beating.cancel()
            await asyncio.gather(stopping, beating, return_exceptions=True)
            await self._listener.remove(CHANNEL, self._hear)
            await self._survive(self._forget_used)

    async def _turn(self) -> None:
        """Delete what is used up, take what there is room for."""
        await self._forget_used()
        free = self._concurrency - len(self._running)
        if not free or not self._more:
            return
        self._more = False  # before the statement: a job that comes meanwhile sets it again
        jobs = await self._queries.dequeue(
            batch_size=free,
            entrypoints={QueueEntrypoint(ENTRYPOINT): EntrypointExecutionParameter(concurrency_limit=0)},
            queue_manager_id=self._me,
            global_concurrency_limit=None,
            heartbeat_timeout=HEARTBEAT,
        )
        self._more = self._more or len(jobs) == free
        for job in jobs:
            if job.id not in self._running:  # a late heartbeat lets us pick our own job again
                self._running[job.id] = asyncio.create_task(self._use(job))

    async def _pause(self) -> None:
        """Until a place is free, a job comes, or it is time to look for jobs of dead workers."""
        try:
            await asyncio.wait_for(self._look.wait(), POLL_S)
        except TimeoutError:
            self._more = True

    async def _use(self, job: Job) -> None:
        """A job is deleted once its handler says that it is used up, and kept in every other case."""
        try:
            again = await self._handler(UUID((job.payload or b"").decode()))
        except db.LOST as error:
            self._outage.lost("a run", error)
            again = AFTER_ERROR
        except Exception:
            log.exception("a wake-up could not be handled and is kept")
            again = AFTER_ERROR
        try:
            if again is None:
                self._used.append(job)
            else:
                await self._put_back(job, again)
        finally:
            del self._running[job.id]
            self._look.set()

    async def _put_back(self, job: Job, again: timedelta) -> None:
        async def put() -> None:
            await self._queries.retry_job(job, again, None)

        for _ in range(TRIES):  # should all fail, its heartbeat ends, and somebody takes it again
            if await self._survive(put):
                break
        asyncio.get_running_loop().call_later(again.total_seconds(), self._more_came)

    async def _forget_used(self) -> None:
        if used := self._used[:]:
            await self._queries.log_jobs([(job, "successful", None) for job in used])
            del self._used[: len(used)]

    async def _beat_for_ever(self) -> None:
        """Show that the jobs under way are in good hands."""
        while True:
            await asyncio.sleep(HEARTBEAT.total_seconds() / 3)
            if self._running:
                await self._survive(self._beat)

    async def _beat(self) -> None:
        await self._queries.update_heartbeat([*self._running])

    async def _hear_of_jobs(self, stop: asyncio.Event) -> None:
        async def add() -> None:
            await self._listener.add(CHANNEL, self._hear)

        while not stop.is_set() and not await self._survive(add):
            pass

    def _hear(self, payload: str | bytes | bytearray) -> None:
        with contextlib.suppress(ValueError):
            if json.loads(payload).get("operation") != "insert":
                return
        self._more_came()

    def _more_came(self) -> None:
        self._more = True
        self._look.set()

    async def _hurry_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._look.set()

    async def _survive(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was done. A lost database is waited for a second, and the rest goes on."""
        try:
            await act()
        except LOST as error:
            if db.is_cancelled():
                raise
            self._outage.lost("wake-ups", error)
            await asyncio.sleep(AFTER_ERROR.total_seconds())
            self._more_came()
            return False
        self._outage.back("wake-ups")
        return True
