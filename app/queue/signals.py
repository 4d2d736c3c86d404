"""Tells waiting coroutines that something happened to a run, by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.queue.listener import Listener

CHANNEL = "workbench_events"
ASKED = "workbench_asked"
"""Channel for the workers: somebody asked for something of a run that one of them holds."""
IDS_PER_PAYLOAD = 200
FALLBACK_S = 2.0
"""How long a lost notification can go unnoticed."""


async def announce(session: AsyncSession, *runs: UUID, channel: str = CHANNEL) -> None:
    """Tell everybody who waits for these runs, once the caller's transaction commits."""
    for payload in payloads(runs):
        await session.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload}
        )


def payloads(runs: Iterable[UUID]) -> Iterator[str]:
    """Ids with spaces between them, in pieces that fit a notification (8,000 bytes)."""
    ids = [str(run) for run in runs]
    for start in range(0, len(ids), IDS_PER_PAYLOAD):
        yield " ".join(ids[start : start + IDS_PER_PAYLOAD])


class Signals:
    """Wakes up who waits for a run. Spurious wake-ups are normal: look at the row again."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._started = False
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def watch(self, pipeline_id: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the run changed. Clear it before looking at the row."""
        async with self._starting:
            if not self._started:
                await self._listener.add(CHANNEL, self._deliver)
                self._started = True
        changed = asyncio.Event()
        self._waiting[str(pipeline_id)].add(changed)
        try:
            yield changed
        finally:
            self._waiting[str(pipeline_id)].discard(changed)
            if not self._waiting[str(pipeline_id)]:
                del self._waiting[str(pipeline_id)]

    def _deliver(self, payload: str | bytes | bytearray) -> None:
        for key in ids_of(payload):
            for changed in self._waiting.get(key, ()):
                changed.set()


def ids_of(payload: str | bytes | bytearray) -> list[str]:
    return (payload if isinstance(payload, str) else bytes(payload).decode()).split()


async def wait(changed: asyncio.Event, timeout_s: float) -> None:
    """Until the event is set or the time is up, whichever is first."""
    try:
        async with asyncio.timeout(min(timeout_s, FALLBACK_S)):
            await changed.wait()
    except TimeoutError:
        return
    finally:
        changed.clear()
