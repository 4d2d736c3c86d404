"""A Postgres of the program's own that may crash at any time."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from app.embedded import EmbeddedPostgres, EmbeddedPostgresError
from app.embedded.cluster import is_served
from app.embedded.server import DATA

ADMIN = "tests"
"""Name of the sessions that look and hurt; those of the service are named otherwise."""
ANSWER_WITHIN_S = 60.0
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
        await self.stop()
        started = await self.revive()
        assert started, "the server did not stop"

    async def stop(self) -> None:
        """`pg_ctl stop -m immediate`: the next start has to recover."""
        pid = int((self._state / DATA / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        while is_served(self._state / DATA):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.05)

    async def revive(self) -> bool:
        """Start it again, under the same URL. False: it runs."""
        return await asyncio.to_thread(self._embedded.revive)

    async def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        """Raises `psycopg.Error` while it is down."""
        async with await self.connect() as connection:
            cursor = await connection.execute(query.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []

    async def connect(self) -> psycopg.AsyncConnection[dict[str, object]]:
        return await psycopg.AsyncConnection.connect(
            self.url,
            autocommit=True,
            connect_timeout=2,
            application_name=ADMIN,
            options="-c statement_timeout=5s",  # a frozen worker may hold a lock
            row_factory=dict_row,
        )

    async def until_it_answers(self) -> None:
        """Start it again for as long as it dies; it takes writes when this returns."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                try:
                    await self.revive()
                    await self.rows("SELECT pg_current_xact_id()")
                    return
                except (psycopg.Error, EmbeddedPostgresError):
                    await asyncio.sleep(0.2)

    async def one(self, query: str, *values: object) -> object:
        return next(iter((await self.rows(query, *values))[0].values()))

    async def terminate(self, sessions: int) -> int:
        return int(str(await self.one(TERMINATE, sessions)))
