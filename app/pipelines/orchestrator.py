"""Uses wake-ups: takes a run's lease, walks it phase by phase, and writes down how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.db import Database
from app.failpoints import failpoint
from app.pipelines import leases
from app.pipelines.keeper import LeaseKeeper
from app.pipelines.leases import Held, StaleFence
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.taker import Taker
from app.pipelines.walk import Walk
from app.pipelines.work import Patience, Work
from app.queue.announcer import Announcer
from app.queue.listener import Listener

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True)
class LeaseTerms:
    """How long a worker holds a run, and how often a run may be picked up anew."""

    duration_s: float = 6.0
    max_attempts: int = 5
    elsewhere_s: float = 60.0
    """How long a worker without the run's repository leaves the run to others, before it fails it."""
    patience: Patience = field(default_factory=Patience)


class PhaseExecutionOrchestrator:
    """Takes a run's lease and walks it until it ends, pauses, or belongs to somebody else."""

    def __init__(
        self,
        database: Database,
        kinds: Mapping[str, PhaseKind],
        worker: str,
        terms: LeaseTerms | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._database = database
        self._worker = worker
        self._terms = terms or LeaseTerms()
        self._announcer = Announcer(database)
        self._taker = Taker(database, worker, self._terms.duration_s)
        self._keeper = LeaseKeeper(database, self._terms.duration_s, listener)
        self._work = Work(database, kinds, self._announcer, self._terms.patience)
        self._suspects = asyncio.Lock()
        self.batch_run_ended = asyncio.Event()
        """Set whenever a run of a batch was let go."""

    async def handle(self, pipeline_id: UUID, draining: asyncio.Event) -> timedelta | None:
        """Use one wake-up. Returns after how long to ask again, or None when there is nothing left to do."""
        if draining.is_set():
            return timedelta(0)
        if self._keeper.holds(pipeline_id):
            return ASK_AGAIN  # the walk under way goes on, even if its lease ran out in an outage
        if (held := await self._taker.take(pipeline_id)) is not None:
            return await self._hold(held, draining, ExitStack())
        async with self._database.connection() as connection:
            run = await leases.peek(connection, pipeline_id)
        if run is None or not run.wants_a_worker:
            return None
        if run.held_for_s > 0:
            return timedelta(seconds=run.held_for_s + 0.1)
        if not run.is_here() and run.waited_s < self._terms.elsewhere_s:
            return ASK_AGAIN  # another host may have the repository
        with ExitStack() as suspicion:
            if run.is_suspect:  # one at a time, so that it takes no other suspect with it
                if self._suspects.locked():
                    return ASK_AGAIN  # and leaves its place to others
                await self._suspects.acquire()
                suspicion.callback(self._suspects.release)
            held = await self._take(pipeline_id)
            if held is None:
                return ASK_AGAIN  # somebody was faster, or it wants no worker any more: the next look tells
            return await self._hold(held, draining, suspicion)

    async def close(self) -> None:
        """Ends what runs beside the walks; the walks themselves are over by now."""
        await self._keeper.close()
        await self._announcer.flush()

    async def _take(self, pipeline_id: UUID) -> Held | None:
        async with self._database.connection() as connection:
            with failpoint("database.take"):
                return await leases.take(connection, pipeline_id, self._worker, self._terms.duration_s)

    async def _hold(self, held: Held, draining: asyncio.Event, suspicion: ExitStack) -> timedelta | None:
        try:
            return await self._walk(held, draining, suspicion)
        except StaleFence as stale:
            log.info("%s", stale.message)
            return timedelta(seconds=self._terms.duration_s / 2)
        finally:
            if held.group is not None:
                self.batch_run_ended.set()

    async def _walk(self, held: Held, draining: asyncio.Event, suspicion: ExitStack) -> timedelta | None:
        async with self._keeper.keep(held) as kept:
            walk = Walk(self._work, kept, draining, survived=suspicion.close)
            if held.attempts > self._terms.max_attempts:
                await walk.give_up(self._terms.max_attempts)
                return None
            return await walk.go()
