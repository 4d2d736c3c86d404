"""Renews the leases of all runs that a process holds, with one statement, and tells of what was asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from app.db import Database, first_line
from app.failpoints import failpoint
from app.pipelines import leases
from app.pipelines.leases import Held
from app.queue.listener import Listener
from app.queue.signals import ASKED, ids_of
from app.tables import Asked

log = logging.getLogger(__name__)

RENEWALS = 4
"""How often a lease is renewed in its lifetime."""


class Kept:
    """One lease under renewal."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.lost = False
        """Another worker has taken the run over."""
        self.stop = asyncio.Event()
        """The lease is lost, or a person asked to cancel."""

    def see(self, asked: Asked | None) -> None:
        if asked is Asked.CANCEL:
            self.stop.set()

    def lose(self) -> None:
        self.lost = True
        self.stop.set()


class LeaseKeeper:
    """A database that does not answer takes no lease away: the fence decides once it is back."""

    def __init__(self, database: Database, duration_s: float, listener: Listener | None = None) -> None:
        self._database = database
        self._duration_s = duration_s
        self._listener = listener
        self._kept: dict[UUID, Kept] = {}
        self._hurry = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self._listening = False

    @asynccontextmanager
    async def keep(self, held: Held) -> AsyncIterator[Kept]:
        """Renew this lease until the block ends."""
        await self._listen()
        kept = self._kept[held.lease.pipeline_id] = Kept(held)
        kept.see(held.asked)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_while_any())
        try:
            yield kept
        finally:
            if self._kept.get(held.lease.pipeline_id) is kept:
                del self._kept[held.lease.pipeline_id]

    def holds(self, pipeline_id: UUID) -> bool:
        """Whether this process has the run, as far as it knows: an outage may outlast the lease."""
        kept = self._kept.get(pipeline_id)
        return kept is not None and not kept.lost

    def hear(self, payload: str | bytes | bytearray) -> None:
        """Somebody asked for something of these runs: look at once if one of them is held here."""
        if any(UUID(run) in self._kept for run in ids_of(payload)):
            self._hurry.set()

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._listener is not None and self._listening:
            await self._listener.remove(ASKED, self.hear)

    async def _listen(self) -> None:
        if self._listener is None or self._listening:
            return
        self._listening = True
        try:
            await self._listener.add(ASKED, self.hear)
        except (psycopg.Error, OSError) as error:  # requests are seen at the next renewal, then
            self._listening = False
            log.warning("requests are seen late: %s", error)

    async def _renew_while_any(self) -> None:
        while self._kept:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._duration_s / RENEWALS)
            self._hurry.clear()  # before the look, so that a request during it is not overlooked
            try:
                await self._renew()
            except (psycopg.Error, PoolTimeout, PoolClosed, OSError, TimeoutError) as error:
                log.warning("leases could not be renewed: %s", first_line(error))

    async def _renew(self) -> None:
        kept = list(self._kept.values())
        if not kept:
            return
        async with asyncio.timeout(self._duration_s / 2), self._database.connection() as connection:
            with failpoint("database.renew"):
                asked = await leases.renew(connection, [one.held.lease for one in kept], self._duration_s)
        for one in kept:
            if one.held.lease.pipeline_id in asked:
                one.see(asked[one.held.lease.pipeline_id])
            else:
                one.lose()
