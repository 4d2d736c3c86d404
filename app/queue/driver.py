"""PgQueuer drivers: one over the service's pool, one over the caller's transaction."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncConnection as PooledConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.queue.listener import Listener


async def _raw(connection: PooledConnection) -> AsyncConnection[Any]:
    raw: AsyncConnection[Any] | None = (await connection.get_raw_connection()).driver_connection
    if raw is None:
        raise RuntimeError("the pooled connection has no driver connection")
    return raw


class PoolDriver:
    """Queries through the pool, listens on the shared listener. Owns neither of them."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()
        self._added: list[tuple[str, NotifyCallback]] = []

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        async with self._database.connection() as connection:
            cursor = AsyncRawCursor(connection, row_factory=dict_row)
            await cursor.execute(query.encode(), args or None)
            return await cursor.fetchall()

    async def execute(self, query: str, *args: object) -> str:
        async with self._database.connection() as connection:
            cursor = AsyncRawCursor(connection)
            await cursor.execute(query.encode(), args or None)
            return cursor.statusmessage or ""

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await self._listener.add(channel, callback)
        self._added.append((channel, callback))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._shutdown.set()
        for channel, callback in self._added:
            await self._listener.remove(channel, callback)


class SessionDriver(PoolDriver):
    """Queries on the caller's transaction: a rollback leaves no job."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()
        self._added = []

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        raw = await _raw(await self._session.connection())
        cursor = AsyncRawCursor(raw, row_factory=dict_row)
        await cursor.execute(query.encode(), args or None)
        return await cursor.fetchall()

    async def execute(self, query: str, *args: object) -> str:
        raw = await _raw(await self._session.connection())
        cursor = AsyncRawCursor(raw)
        await cursor.execute(query.encode(), args or None)
        return cursor.statusmessage or ""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError("a transaction does not listen")
