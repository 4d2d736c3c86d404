"""A worker process: takes wake-ups, hands runs to the orchestrator, and puts lost wake-ups back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from uuid import UUID

from psycopg import Error as DatabaseError
from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.walk import Patience
from app.queue.listener import Listener
from app.queue.wakeups import consume, wake
from app.services import Services
from app.tables import WorkerRow

log = logging.getLogger(__name__)

SWEEP_S = 5.0
RECONNECT_S = 1.0
"""Pause before a lost database is asked again."""

LOST_WAKEUPS = text(
    """
    SELECT id, priority FROM pipelines
    WHERE (state = 'running' AND lease_expires_at < clock_timestamp()
           OR state = 'queued' AND updated_at < clock_timestamp() - interval '3 seconds')
      AND NOT EXISTS (
        SELECT 1 FROM pgqueuer
        WHERE entrypoint = 'run_pipeline' AND status IN ('queued', 'picked')
          AND payload = convert_to(pipelines.id::text, 'UTF8')
      )
    FOR UPDATE SKIP LOCKED
    """
)
"""Runs that want a worker and have neither a live lease nor a job.

A run that was queued just now belongs to whoever starts it: `work_on` takes it with no wake-up.
"""


def worker_name() -> str:
    """host:pid:random, so that two workers never share a name."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def create_orchestrator(services: Services, name: str) -> PhaseExecutionOrchestrator:
    settings = services.settings
    terms = LeaseTerms(settings.lease_s, settings.max_attempts, patience=Patience(drain_s=settings.drain_s))
    return PhaseExecutionOrchestrator(services.database, services.kinds, name, terms, services.listener)


def create_worker(services: Services) -> Worker:
    """A worker of this process, not started yet."""
    name = worker_name()
    concurrency = services.settings.worker_concurrency
    orchestrator = create_orchestrator(services, name)
    return Worker(services.database, services.listener, orchestrator, name, concurrency)


async def work_on(services: Services, pipeline_id: UUID, stop: asyncio.Event) -> None:
    """Walk one run in this process, with this process's settings, until it wants no worker.

    A run that is started with no wake-up is answered here; should this process die, the sweep of
    another worker finds the run.
    """
    orchestrator = create_orchestrator(services, worker_name())
    try:
        while (again := await orchestrator.handle(pipeline_id, stop)) is not None and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), again.total_seconds())
    finally:
        await orchestrator.close()


class Worker:
    """Works until it is told to stop; then ends the phases under way and hands the runs back."""

    def __init__(
        self,
        database: Database,
        listener: Listener,
        orchestrator: PhaseExecutionOrchestrator,
        name: str,
        concurrency: int,
    ) -> None:
        self._database = database
        self._listener = listener
        self._orchestrator = orchestrator
        self._name = name
        self._concurrency = concurrency

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and the last phase under way has ended."""
        await self._report()
        sweeper = asyncio.create_task(self._sweep_for_ever())
        try:
            while not stop.is_set():
                await self._consume(stop)
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
            await self._orchestrator.close()
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self._leave()

    async def _consume(self, stop: asyncio.Event) -> None:
        try:
            await consume(
                self._database,
                self._listener,
                lambda pipeline_id: self._orchestrator.handle(pipeline_id, stop),
                concurrency=self._concurrency,
                stop=stop,
            )
        except (SQLAlchemyError, DatabaseError, OSError) as error:
            log.warning("the database was lost, trying again: %s", str(error).splitlines()[0])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RECONNECT_S)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._report()
                await self.sweep()
            except (SQLAlchemyError, DatabaseError, OSError) as error:
                log.warning("the sweep could not reach the database: %s", str(error).splitlines()[0])

    async def sweep(self) -> int:
        """Put back the wake-ups that were lost. Returns how many."""
        async with self._database.transaction() as session:
            lost = {row.id: row.priority for row in await session.execute(LOST_WAKEUPS)}
            await wake(session, lost)
        if lost:
            log.info("put back %d lost wake-ups", len(lost))
        return len(lost)

    async def _report(self) -> None:
        """Say that this worker is alive, and forget workers that are not."""
        async with self._database.transaction() as session:
            now = {"seen_at": func.clock_timestamp()}
            await session.execute(
                insert(WorkerRow)
                .values(name=self._name)
                .on_conflict_do_update(index_elements=["name"], set_=now)
            )
            age = func.extract("epoch", func.clock_timestamp() - WorkerRow.seen_at)
            await session.execute(delete(WorkerRow).where(age > 60 * 60))

    async def _leave(self) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(WorkerRow).where(WorkerRow.name == self._name))
