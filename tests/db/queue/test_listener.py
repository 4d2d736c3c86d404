"""The one connection that listens, and who waits for a run by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.db import Database
from app.queue.listener import Listener
from app.queue.signals import Signals, announce, wait
from tests.db.scripted import LIMIT_S, soon

LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'workbench listener' AND datname = :name"
)


@pytest_asyncio.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    opened = Listener(database.url)
    yield opened
    await opened.close()


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_notify(:c, :p)"), {"c": channel, "p": payload})


async def heard(database: Database, channel: str, got: asyncio.Queue[object]) -> object:
    """What comes after saying it until somebody hears it."""
    async with asyncio.timeout(LIMIT_S):
        while got.empty():
            await notify(database, channel, "again")
            await asyncio.sleep(0.02)
    return got.get_nowait()


async def test_a_notification_reaches_every_callback_of_its_channel(
    database: Database, listener: Listener
) -> None:
    first, second, other = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()  # type: ignore[var-annotated]
    await listener.add("one", first.put_nowait)
    await listener.add("one", second.put_nowait)
    await listener.add("two", other.put_nowait)
    await notify(database, "one", "x")
    assert [await soon(first.get()), await soon(second.get())] == ["x", "x"]
    assert other.empty()


async def test_a_callback_that_was_removed_hears_nothing(database: Database, listener: Listener) -> None:
    gone, there = asyncio.Queue(), asyncio.Queue()  # type: ignore[var-annotated]
    await listener.add("one", gone.put_nowait)
    await listener.add("one", there.put_nowait)
    await listener.remove("one", gone.put_nowait)
    await listener.remove("nothing", gone.put_nowait)
    await notify(database, "one", "x")
    assert await soon(there.get()) == "x"


async def test_a_lost_connection_is_made_again(database: Database, listener: Listener) -> None:
    got: asyncio.Queue[object] = asyncio.Queue()
    await listener.add("one", got.put_nowait)
    async with database.transaction() as session:
        name = (await session.execute(text("SELECT current_database()"))).scalar_one()
        pids = (await session.scalars(text(LISTENING), {"name": name})).all()
        assert len(pids) == 1
        await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pids[0]})
    assert await heard(database, "one", got) == "again"


async def test_a_listener_that_could_not_connect_tries_again_when_it_is_asked_again() -> None:
    listener = Listener("postgresql://nobody@127.0.0.1:1/none?connect_timeout=5")
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            await listener.add("one", lambda payload: None)
    await listener.close()


async def test_who_watches_a_run_is_told_when_the_transaction_commits(
    database: Database, listener: Listener
) -> None:
    signals, run = Signals(listener), uuid4()
    async with signals.watch(run) as changed, signals.watch(run) as also, signals.watch(uuid4()) as other:
        async with database.transaction() as session:
            await announce(session, run)
        await soon(changed.wait())
        await soon(also.wait())
        assert not other.is_set()


async def test_waiting_ends_with_the_signal_or_with_the_time(database: Database, listener: Listener) -> None:
    changed = asyncio.Event()
    await wait(changed, 0)
    assert not changed.is_set()
    changed.set()
    await soon(wait(changed, 3600))
    assert not changed.is_set()
