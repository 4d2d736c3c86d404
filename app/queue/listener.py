"""One connection that LISTENs, and connects again when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import psycopg
from psycopg import sql

from app.db import first_line, is_cancelled

log = logging.getLogger(__name__)

RECONNECT_S = 0.5
"""Pause before a lost connection is opened again."""

Callback = Callable[[str | bytes | bytearray], None]


class Listener:
    """Delivers NOTIFY payloads to callbacks. Notifications sent while it is disconnected are lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._callbacks: dict[str, list[Callback]] = {}
        self._connection: psycopg.AsyncConnection | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._changed = asyncio.Lock()

    async def add(self, channel: str, callback: Callback) -> None:
        """Deliver the payloads of `channel` to `callback`. Returns once the server listens."""
        async with self._changed:
            known = channel in self._callbacks
            self._callbacks.setdefault(channel, []).append(callback)
            try:
                if not known or self._connection is None:  # an earlier attempt may have failed to connect
                    await self._restart()
            except BaseException:
                self._callbacks[channel].remove(callback)
                raise

    async def remove(self, channel: str, callback: Callback) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._callbacks[channel].remove(callback)

    async def close(self) -> None:
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def _restart(self) -> None:
        """Listen to the channels of now: a connection that waits for notifications takes no command."""
        await self.close()
        try:
            await self._connect()
        finally:  # it goes on trying for those who listen already
            self._watcher = asyncio.create_task(self._watch())

    async def _connect(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, application_name="workbench listener", keepalives_idle=10
        )
        try:
            for channel in self._callbacks:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    async def _watch(self) -> None:
        while not is_cancelled():
            try:
                if self._connection is None or self._connection.closed:
                    await self._connect()
                await self._deliver()
            except psycopg.Error as error:
                level = logging.DEBUG if self._connection is None else logging.WARNING  # once an outage
                log.log(level, "the listening connection was lost: %s", first_line(error))
                self._connection = None
                await asyncio.sleep(RECONNECT_S)

    async def _deliver(self) -> None:
        if self._connection is None:
            return
        async for notification in self._connection.notifies():
            for callback in tuple(self._callbacks.get(notification.channel, ())):
                callback(notification.payload)
