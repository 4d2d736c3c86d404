"""Hands out the right to call a model, within limits that all workers share."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from uuid import UUID

import psycopg

from app.db import Database
from app.errors import WorkbenchError
from app.limits import statements
from app.limits.slot import Slot
from app.tables import Priority

log = logging.getLogger(__name__)

CHANNEL = "workbench_slots"
"""Carries the ids of slots that another process granted."""
LOOK_S = 1.0
"""How long a waiting call can miss its turn when a notification is lost or who should grant is dead."""
RENEW_LOOKS = 4
"""A process in which nothing waits renews its slots every so many looks."""

Heard = Callable[[str | bytes | bytearray], None]


class LimitWaitExceeded(WorkbenchError):
    """The limits let the call not start within the time that a call may wait. Nothing was sent."""

    status = 503
    code = "limit_wait_exceeded"


class Hears(Protocol):
    """Delivers the payloads of a channel of the database."""

    async def add(self, channel: str, callback: Heard) -> None: ...

    async def remove(self, channel: str, callback: Heard) -> None: ...


class CallLimits:
    """The slots of this process. One statement asks, one gives back; whoever gives back grants the next."""

    def __init__(self, database: Database, listener: Hears, *, wait_s: float, look_s: float = LOOK_S) -> None:
        self._database = database
        self._listener = listener
        self._wait_s = wait_s
        self._look_s = look_s
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._slots: dict[UUID, Slot] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def slot(
        self,
        *,
        backend: str,
        profile: str,
        tokens: int,
        priority: Priority = Priority.INTERACTIVE,
        group: str | None = None,
    ) -> AsyncIterator[Slot]:
        """The right to one call of `profile` on `backend`, until the block ends.

        `tokens` is the most it may take. Raises `LimitWaitExceeded`, and what psycopg raises when
        the database does not answer: with no count there is no call.
        """
        slot = Slot(f"backend:{backend}", f"profile:{profile}", tokens, priority, group)
        self._slots[slot.id] = slot
        try:
            await self._enter(slot)
            yield slot
        finally:
            if self._slots.pop(slot.id, None) is not None:
                await self._leave(slot)

    async def look(self) -> None:
        """Renew what this process holds, and take what was granted to it."""
        waiting = [slot for slot in self._slots.values() if slot.is_waiting]
        async with self._database.connection() as connection:
            known = await statements.keep(connection, self._worker)
        for slot in waiting:
            if known.get(slot.id, False):
                slot.grant()
            elif slot.id not in known:
                slot.told.set()  # Postgres crashed, or took this process for dead: it has to ask anew

    async def close(self) -> None:
        """Until every slot is given back. The calls have ended before."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.gather(*self._leaving)
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
            await self._listener.remove(CHANNEL, self._heard)

    async def _enter(self, slot: Slot) -> None:
        """Until the slot is granted, at most as long as a call may wait."""
        await self._ask(slot)
        try:
            async with asyncio.timeout(self._wait_s):
                while not slot.is_granted:
                    await self._wait(slot)
                    if not slot.is_granted:
                        await self._ask(slot)
        except TimeoutError:
            raise LimitWaitExceeded(
                f"{slot.backend} and {slot.profile} had no room within {self._wait_s:g} s "
                "(WORKBENCH_LIMIT_WAIT_S); `workbench limits list` shows what they allow and who waits"
            ) from None

    async def _ask(self, slot: Slot) -> None:
        slot.told.clear()
        async with self._database.connection() as connection:
            asked = await statements.ask(connection, slot, self._worker)
        if not asked.is_limited:
            del self._slots[slot.id]
            slot.is_granted = True
            return
        self._grant(asked.granted)
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        if not slot.is_granted and asked.opens_in_s > self._wait_s:
            raise LimitWaitExceeded(
                f"the rates of {slot.backend} and {slot.profile} let no call start for "
                f"{asked.opens_in_s:.0f} s, and a call waits at most {self._wait_s:g} s "
                "(WORKBENCH_LIMIT_WAIT_S); `workbench limits list` shows them"
            )

    async def _wait(self, slot: Slot) -> None:
        """Until the slot is granted, or has to be asked for again."""
        slot.is_waiting = True
        await self._listen()
        await slot.told.wait()
        slot.is_waiting = False

    async def _leave(self, slot: Slot) -> None:
        """Give the slot back, even if the call is cancelled meanwhile."""
        leaving = asyncio.create_task(self._release(slot))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.shield(leaving)

    async def _release(self, slot: Slot) -> None:
        try:
            async with self._database.connection() as connection:
                granted = await statements.release(connection, slot, self._worker)
        except psycopg.Error as error:  # the answer is there all the same, and the slot expires
            log.warning("a slot of %s could not be given back: %s", slot.backend, str(error).strip())
        else:
            self._grant(granted)

    async def _keep(self) -> None:
        """Look again and again while this process holds a slot or waits for one."""
        looks = 0
        while self._slots:
            await asyncio.sleep(self._look_s)
            looks += 1
            if looks % RENEW_LOOKS and not any(slot.is_waiting for slot in self._slots.values()):
                continue
            try:
                await self.look()
            except (psycopg.Error, OSError) as error:
                log.warning("slots could not be renewed: %s", str(error).strip())

    async def _listen(self) -> None:
        """Once for all calls of this process; the one that began it may be cancelled meanwhile."""
        begun = self._listening
        if begun is None or (begun.done() and (begun.cancelled() or begun.exception())):
            begun = self._listening = asyncio.create_task(self._begin_to_listen())
        await asyncio.shield(begun)

    async def _begin_to_listen(self) -> None:
        await self._listener.add(CHANNEL, self._heard)
        await self.look()  # for what was granted before

    def _heard(self, payload: str | bytes | bytearray) -> None:
        text = payload if isinstance(payload, str) else bytes(payload).decode()
        with suppress(ValueError):
            self._grant([UUID(text)])

    def _grant(self, granted: Iterable[UUID]) -> None:
        for slot in (self._slots.get(found) for found in granted):
            if slot is not None:
                slot.grant()
