"""A backend that is made by its first use: importing an SDK takes up to a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.llm.types import Answer, Backend, BackendName, Call
from app.settings import Settings


class LazyBackend:
    """Stands in for a backend until the first call, and hands every call on to it."""

    def __init__(self, name: BackendName, make: Callable[[Settings], Backend], settings: Settings) -> None:
        self.name = name
        self._make = make
        self._settings = settings
        self._lock = asyncio.Lock()
        self._backend: Backend | None = None

    async def answer(self, call: Call) -> Answer:
        return await (await self._get()).answer(call)

    async def models(self) -> list[str]:
        return await (await self._get()).models()

    async def version(self) -> str:
        return await (await self._get()).version()

    async def close(self) -> None:
        if self._backend is not None:
            await self._backend.close()
            self._backend = None

    async def _get(self) -> Backend:
        async with self._lock:
            if self._backend is None:
                # In a thread: the event loop renews leases meanwhile.
                self._backend = await asyncio.to_thread(self._make, self._settings)
            return self._backend
