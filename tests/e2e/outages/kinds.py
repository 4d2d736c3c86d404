"""The ways in which a database goes away. Each takes some seconds, and ends with a database that is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg

from tests.e2e.outages.disk import Disk
from tests.e2e.postgres import Server

END = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND starts_with(application_name, 'workbench')
"""
CANCEL = """
    SELECT count(pg_cancel_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(application_name, 'workbench')
          AND state <> 'idle' LIMIT 3
    ) AS busy
"""
"""A cancel that finds a session idle is lost, so those at work are meant."""
SPARE_FILES = 20
"""More than Postgres has ready for its log."""
LOCK_TIMEOUT = "20ms"
LOCKED_S = 0.1
"""A foreign transaction holds all runs for so long, again and again."""


@dataclass(frozen=True)
class Site:
    """What an outage befalls."""

    server: Server
    disk: Disk | None
    """Where the data lies, if it can be filled."""


Strike = Callable[[Site, float], Awaitable[None]]


async def down(site: Site, seconds: float) -> None:
    """An immediate stop, and a start after that time."""
    await site.server.stop()
    await asyncio.sleep(seconds)
    await site.server.revive()


async def read_only(site: Site, seconds: float) -> None:
    """Every write is refused, as by a server that became a standby. Sessions that exist follow suit."""
    async with _set(site.server, "default_transaction_read_only", "on"):
        await asyncio.sleep(seconds)


async def disk_full(site: Site, seconds: float) -> None:
    """Not a byte is free; half-way the log of the server needs new files, which ends it."""
    assert site.disk is not None
    await asyncio.to_thread(site.disk.fill)
    await asyncio.sleep(seconds / 2)
    with suppress(psycopg.Error):
        for _ in range(SPARE_FILES):
            await site.server.rows("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")
    await asyncio.sleep(seconds / 2)
    site.disk.free()
    await site.server.until_it_answers()


async def no_connections(site: Site, seconds: float) -> None:
    """Strangers take every place, and the service loses those that it has."""
    until = time.monotonic() + seconds
    async with AsyncExitStack() as strangers:
        admin = await strangers.enter_async_context(await site.server.connect())
        while time.monotonic() < until:
            await admin.execute(END)
            with suppress(psycopg.OperationalError):  # the last one finds no place
                while True:
                    await strangers.enter_async_context(await site.server.connect())
            await asyncio.sleep(0.1)


async def cancelled(site: Site, seconds: float) -> None:
    """Statements are cancelled at random, and a stranger locks all runs longer than a lock is waited for."""
    until = time.monotonic() + seconds
    async with _set(site.server, "lock_timeout", LOCK_TIMEOUT), await site.server.connect() as stranger:
        cancelling = asyncio.create_task(_cancel(site.server))
        while time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                async with stranger.transaction():
                    await stranger.execute("SELECT FROM pipelines FOR UPDATE")
                    await asyncio.sleep(LOCKED_S)
            await asyncio.sleep(LOCKED_S)
        cancelling.cancel()
        await asyncio.gather(cancelling, return_exceptions=True)


KINDS: dict[str, Strike] = {
    "down": down,
    "read-only": read_only,
    "disk full": disk_full,
    "no connections": no_connections,
    "cancelled": cancelled,
}


async def _cancel(server: Server) -> None:
    async with await server.connect() as admin:
        while True:
            await admin.execute(CANCEL)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _set(server: Server, name: str, value: str) -> AsyncIterator[None]:
    await server.rows(f"ALTER SYSTEM SET {name} = '{value}'")
    await server.rows("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await server.rows(f"ALTER SYSTEM RESET {name}")
        await server.rows("SELECT pg_reload_conf()")
