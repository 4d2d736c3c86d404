"""A worker: takes wake-ups, hands runs to the orchestrator, and does its chores until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from functools import partial

from sqlalchemy import delete

from app.db import Database
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.queue.listener import Listener
from app.queue.outage import LOST, Outage
from app.queue.wakeups import consume
from app.tables import WorkerRow
from app.worker.chore import Chore, look_after
from app.worker.sweep import find_orphans, sweep

SWEEP_S = 5.0
ORPHANS_S = 2.0
"""How often runs of workers that were lost are looked for."""
RECONNECT_S = 1.0
"""Pause before a lost database is asked again."""
REPORT = """
    WITH gone AS (
        DELETE FROM workers WHERE seen_at < clock_timestamp() - interval '1 hour' AND name <> %(name)s
    )
    INSERT INTO workers (name) VALUES (%(name)s) ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()
"""


def worker_name() -> str:
    """host:pid:random, so that two workers never share a name."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Worker:
    """Works until it is told to stop; then ends the phases under way and hands the runs back."""

    def __init__(
        self,
        database: Database,
        listener: Listener,
        orchestrator: PhaseExecutionOrchestrator,
        name: str,
        concurrency: int,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._database = database
        self._listener = listener
        self._orchestrator = orchestrator
        self._name = name
        self._concurrency = concurrency
        self._chores = (
            Chore("sweep", SWEEP_S, self._sweep),
            Chore("orphans", ORPHANS_S, partial(find_orphans, database)),
            *chores,
        )
        self._outage = Outage()

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and the last phase under way has ended.

        Raises what a database raises that lacks what the service needs.
        """
        await self._begin(stop)
        chores = [asyncio.create_task(look_after(chore, self._outage)) for chore in self._chores]
        try:
            await consume(
                self._database,
                self._listener,
                lambda pipeline_id: self._orchestrator.handle(pipeline_id, stop),
                concurrency=self._concurrency,
                stop=stop,
            )
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            await self._orchestrator.close()
            with contextlib.suppress(*LOST):
                await self._leave()

    async def _begin(self, stop: asyncio.Event) -> None:
        """Say that this worker is there, once the database can be told."""
        while not stop.is_set():
            try:
                await self._report()
                return
            except LOST as error:
                self._outage.lost("start", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONNECT_S)

    async def _sweep(self) -> None:
        await self._report()
        await sweep(self._database)

    async def sweep(self) -> int:
        """Put back all wake-ups that were lost. Returns how many."""
        return await find_orphans(self._database) + await sweep(self._database)

    async def _report(self) -> None:
        """Say that this worker is alive, and forget workers that are not."""
        async with self._database.connection() as connection:
            await connection.execute(REPORT, {"name": self._name})

    async def _leave(self) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(WorkerRow).where(WorkerRow.name == self._name))
