"""All leases of a process are renewed by one statement, and requests are heard without waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest_asyncio

from app.failpoints import install
from app.pipelines.keeper import LeaseKeeper
from app.tables import Asked
from tests.db.scripted import LIMIT_S, Engine, Gate, Scripted, soon

FOR_EVER_S = 600


@pytest_asyncio.fixture
async def keeper(engine: Engine) -> AsyncIterator[LeaseKeeper]:
    """One that hears of requests, and renews too seldom for a test to see it."""
    made = LeaseKeeper(engine.database, FOR_EVER_S, engine.listener)
    yield made
    await made.close()


async def test_a_cancel_reaches_the_phase_without_waiting_for_a_renewal(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    orchestrator = engine.orchestrator(lease_s=FOR_EVER_S, listening=True)
    walk = asyncio.create_task(orchestrator.handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    await engine.service.cancel(run.id)
    assert await soon(walk) is None
    assert gate.stopped
    assert (await engine.service.get(run.id)).state == "cancelled"
    await orchestrator.close()


async def test_a_cancel_stops_only_the_run_it_is_meant_for(engine: Engine, keeper: LeaseKeeper) -> None:
    runs = [await engine.queued(Scripted()) for _ in range(2)]
    async with AsyncExitStack() as stack:
        meant, other = [await stack.enter_async_context(keeper.keep(await engine.taken(run))) for run in runs]
        await engine.service.cancel(runs[0].id)
        await soon(meant.stop.wait())
        assert (meant.lost, other.stop.is_set()) == (False, False)


async def test_a_request_that_comes_during_a_renewal_is_heard(engine: Engine, keeper: LeaseKeeper) -> None:
    """The first one makes the keeper look; the second one comes when the look is over, but not yet done."""
    first, second = [await engine.queued(Scripted()) for _ in range(2)]
    told: list[str] = []

    def ask_meanwhile(name: str, done: bool) -> None:
        if name == "database.renew" and done and not told:
            told.append(name)
            with psycopg.connect(engine.database.url, autocommit=True) as connection:
                connection.execute("UPDATE pipelines SET asked = 'cancel' WHERE id = %s", (second.id,))
            keeper.hear(str(second.id))

    async with AsyncExitStack() as stack:
        _, kept = [
            await stack.enter_async_context(keeper.keep(await engine.taken(run))) for run in (first, second)
        ]
        install(ask_meanwhile)
        try:
            await engine.service.cancel(first.id)
            await soon(kept.stop.wait())
        finally:
            install(None)


async def test_a_run_that_was_to_be_cancelled_before_it_was_taken_is_stopped_at_once(
    engine: Engine, keeper: LeaseKeeper
) -> None:
    run = await engine.queued(Scripted())
    await engine.taken(run)
    await engine.service.cancel(run.id)
    await engine.expire(run)
    held = await engine.taken(run)
    assert held.asked is Asked.CANCEL
    async with keeper.keep(held) as kept:
        assert kept.stop.is_set()


async def test_a_lease_that_was_taken_over_is_lost(engine: Engine, keeper: LeaseKeeper) -> None:
    run = await engine.queued(Scripted())
    async with keeper.keep(await engine.taken(run)) as kept:
        await engine.expire(run)
        await engine.taken(run, "other")
        await engine.service.pause(run.id)
        await soon(kept.stop.wait())
        assert kept.lost


async def test_a_database_that_is_away_takes_no_lease_away(engine: Engine) -> None:
    keeper = LeaseKeeper(engine.database, 0.4)
    run = await engine.queued(Scripted())
    tries: list[bool] = []

    def away(name: str, done: bool) -> None:
        if name == "database.renew" and not done:
            tries.append(done)
            if len(tries) < 3:
                raise OSError("no route to the database")

    async with keeper.keep(await engine.taken(run)) as kept:
        before = (await engine.service.get(run.id)).lease_expires_at
        install(away)
        try:
            async with asyncio.timeout(LIMIT_S):
                while (await engine.service.get(run.id)).lease_expires_at == before:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.02)
        finally:
            install(None)
        assert len(tries) >= 3
        assert not kept.lost
    await keeper.close()
