"""The listening connection while the database takes none."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg import sql

from app.db import Database
from app.queue.listener import Listener
from tests.db.queue.test_listener import heard


async def test_somebody_who_can_not_listen_now_does_not_deafen_those_who_do(
    database: Database, server_url: str
) -> None:
    listener = Listener(database.url)
    early, late = asyncio.Queue(), asyncio.Queue()  # type: ignore[var-annotated]
    await listener.add("early", early.put_nowait)
    _allow_connections(server_url, database, False)
    with pytest.raises(psycopg.OperationalError):
        await listener.add("late", late.put_nowait)
    _allow_connections(server_url, database, True)
    assert await heard(database, "early", early) == "again"
    await listener.add("late", late.put_nowait)
    assert await heard(database, "late", late) == "again"
    await listener.close()


def _allow_connections(server_url: str, database: Database, allowed: bool) -> None:
    """Closes the database to everybody and ends the connections there are, or opens it again."""
    name = database.engine.url.database or ""
    with psycopg.connect(server_url, autocommit=True) as connection:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(statement.format(sql.Identifier(name), sql.SQL(str(allowed).lower())))
        if not allowed:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
