"""A Postgres of the program's own that may crash at any time."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from app.embedded import EmbeddedPostgres
from app.embedded.cluster import is_served
from app.embedded.server import DATA

TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) AS ended FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND starts_with(application_name, 'workbench')
        ORDER BY random() LIMIT %s
    ) AS chosen
"""


class Server:
    """A commit is in the hands of the kernel when it is answered, so that an immediate stop loses none.

    Fsync would keep it through a power cut, too, which this program can not make; it is off, because the
    recovery would otherwise sync every file of the database first and be half of the experiment.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._embedded = EmbeddedPostgres(state)
        self.url = ""

    def start(self) -> None:
        self.url = self._embedded.start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def release(self) -> None:
        self._embedded.release()

    async def crash(self) -> None:
        """`pg_ctl stop -m immediate`, then a start that recovers."""
        pid = int((self._state / DATA / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        while is_served(self._state / DATA):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.05)
        started = await asyncio.to_thread(self._embedded.revive)
        assert started, "the server did not stop"

    async def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        """Raises `psycopg.Error` while it is down."""
        connection = await psycopg.AsyncConnection.connect(
            self.url,
            autocommit=True,
            connect_timeout=2,
            application_name="chaos",
            options="-c statement_timeout=5s",  # a frozen worker may hold a lock
            row_factory=dict_row,
        )
        async with connection:
            cursor = await connection.execute(query.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, query: str, *values: object) -> object:
        return next(iter((await self.rows(query, *values))[0].values()))

    async def terminate(self, sessions: int) -> int:
        return int(str(await self.one(TERMINATE, sessions)))
