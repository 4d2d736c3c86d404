"""Wake-ups: put in the caller's transaction, kept until they are used up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.db import Database
from app.queue.driver import PoolDriver, SessionDriver
from app.queue.listener import Listener
from app.queue.wakeups import consume, wake
from tests.db.scripted import soon


@pytest_asyncio.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    opened = Listener(database.url)
    yield opened
    await opened.close()


@asynccontextmanager
async def consuming(
    database: Database, listener: Listener, handler: Callable[[UUID], Awaitable[timedelta | None]]
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(consume(database, listener, handler, concurrency=4, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await soon(task)


async def jobs(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one()


async def enqueue(database: Database, pipeline_id: UUID) -> None:
    async with database.transaction() as session:
        await wake(session, {pipeline_id: 0})


async def test_a_transaction_that_is_rolled_back_leaves_no_wake_up(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as session:
            await wake(session, {uuid4(): 0})
            raise ZeroDivisionError
    assert await jobs(database) == 0


async def test_a_wake_up_reaches_the_handler_and_is_used_up(database: Database, listener: Listener) -> None:
    got: asyncio.Queue[UUID] = asyncio.Queue()

    async def handler(pipeline_id: UUID) -> None:
        got.put_nowait(pipeline_id)

    early, late = uuid4(), uuid4()
    await enqueue(database, early)
    async with consuming(database, listener, handler):
        assert await soon(got.get()) == early
        await enqueue(database, late)
        assert await soon(got.get()) == late
    assert await jobs(database) == 0


async def test_a_handler_that_asks_again_gets_the_wake_up_again(
    database: Database, listener: Listener
) -> None:
    calls: asyncio.Queue[UUID] = asyncio.Queue()

    async def handler(pipeline_id: UUID) -> timedelta | None:
        calls.put_nowait(pipeline_id)
        return timedelta(milliseconds=1) if calls.qsize() == 1 else None

    await enqueue(database, run := uuid4())
    async with consuming(database, listener, handler):
        await soon(until_size(calls, 2))
    assert [calls.get_nowait() for _ in range(2)] == [run, run]
    assert await jobs(database) == 0


async def test_a_handler_that_fails_keeps_the_wake_up(database: Database, listener: Listener) -> None:
    called = asyncio.Event()

    async def handler(pipeline_id: UUID) -> None:
        called.set()
        raise ZeroDivisionError("a fault")

    await enqueue(database, uuid4())
    async with consuming(database, listener, handler):
        await soon(called.wait())
    assert await jobs(database) == 1


async def test_stopping_waits_for_the_handler_under_way(database: Database, listener: Listener) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()
    ended = False

    async def handler(pipeline_id: UUID) -> None:
        nonlocal ended
        entered.set()
        await leave.wait()
        ended = True

    await enqueue(database, uuid4())
    async with consuming(database, listener, handler):
        await soon(entered.wait())
        asyncio.get_running_loop().call_soon(leave.set)
    assert ended
    assert await jobs(database) == 0


async def test_the_driver_of_a_transaction_speaks_on_its_connection(database: Database) -> None:
    async with database.transaction() as session:
        driver = SessionDriver(session)
        mine = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        assert await driver.fetch("SELECT pg_backend_pid() AS pid") == [{"pid": mine}]
        assert await driver.execute("SELECT $1::int", 1) == "SELECT 1"
        with pytest.raises(NotImplementedError):
            await driver.add_listener("channel", lambda payload: None)


async def test_the_driver_of_the_pool_notifies_who_listens(database: Database, listener: Listener) -> None:
    driver = PoolDriver(database, listener)
    got: asyncio.Queue[object] = asyncio.Queue()
    async with driver:
        await driver.add_listener("a channel", got.put_nowait)
        await driver.notify("a channel", "hello")
        assert await soon(got.get()) == "hello"
    assert driver.shutdown.is_set()
    assert driver.tm is not None


async def until_size(queue: asyncio.Queue[UUID], size: int) -> None:
    while queue.qsize() < size:  # noqa: ASYNC110 - the queue keeps what it got
        await asyncio.sleep(0.01)


async def test_a_consumer_that_is_cancelled_does_not_wait_for_what_is_under_way(
    database: Database, listener: Listener
) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(pipeline_id: UUID) -> None:
        entered.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    await enqueue(database, uuid4())
    task = asyncio.create_task(consume(database, listener, handler, concurrency=4, stop=asyncio.Event()))
    await soon(entered.wait())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    assert cancelled.is_set()
    assert await jobs(database) == 1
