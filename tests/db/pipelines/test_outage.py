"""The database goes away while runs are under way: results are kept, and no attempt is wasted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.exc import OperationalError

from app.failpoints import install
from app.pipelines import invariants
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.work import Patience
from tests.db.scripted import THING, Doing, Engine, Gate, Scripted, soon, thing, until, working

OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def cut(engine: Engine) -> None:
    """Every session that the service has is over."""
    async with await psycopg.AsyncConnection.connect(engine.database.url, autocommit=True) as connection:
        await connection.execute(OTHERS)


async def test_a_result_outlives_the_sessions_that_were_cut_while_it_was_made(engine: Engine) -> None:
    async def make(context: PhaseContext) -> PhaseResult:
        made.append(context.phase_run_id)
        await cut(engine)
        return thing(number=len(made))

    made: list[int] = []
    run = await engine.queued(Doing(make), Doing(make), a=THING, b={**THING, "artifact": "other"})
    assert await soon(engine.orchestrator().handle(run.id, asyncio.Event())) is None
    ended = await engine.service.get(run.id)
    assert (ended.state, ended.attempts, len(made)) == ("succeeded", 0, 2)
    assert await engine.outcomes(run.id) == [("a", "passed"), ("b", "passed")]
    assert await invariants.check(engine.database, repositories=False) == []


async def test_a_worker_whose_patience_ends_leaves_the_run_to_the_next_one(engine: Engine) -> None:
    run = await engine.queued(Scripted(thing(a=1), thing(a=2)), a=THING)

    def away(name: str, done: bool) -> None:
        if name == "database.checkpoint" and not done and len(tries) < 9:
            tries.append(name)
            if len(tries) > 1:  # the phase is open by then
                raise psycopg.OperationalError("away")

    tries: list[str] = []
    install(away)
    try:
        with pytest.raises(psycopg.OperationalError, match="away"):
            await soon(engine.orchestrator(patience=Patience(database_s=0)).handle(run.id, asyncio.Event()))
    finally:
        install(None)
    left = await engine.service.get(run.id)
    assert (left.state, left.attempts) == ("running", 1)
    await engine.expire(run)
    assert (await engine.walk(run)).state == "succeeded"
    assert await engine.outcomes(run.id) == [("a", "abandoned"), ("a", "passed")]


async def test_a_result_outlives_a_database_that_takes_no_writes(engine: Engine) -> None:
    async def make(context: PhaseContext) -> PhaseResult:
        await read_only(engine, True)
        return thing(a=1)

    run = await engine.queued(Doing(make), a=THING)
    with reached("database.checkpoint", 4) as refused:  # opened, cut off, refused, done
        walk = asyncio.create_task(engine.orchestrator().handle(run.id, asyncio.Event()))
        await soon(refused.wait())
    await read_only(engine, False)
    assert await soon(walk) is None
    assert await engine.outcomes(run.id) == [("a", "passed")]


async def test_a_worker_stays_while_the_database_takes_no_writes(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    refused = "wake-ups: the database does not answer: cannot execute SELECT FOR UPDATE in a read-only"
    caplog.set_level("DEBUG", "app.queue.outage")
    run = await engine.queued(Scripted())
    async with working(engine.worker()):
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"
        await read_only(engine, True)
        await until(lambda: refused in caplog.text)
        await read_only(engine, False)
        run = await engine.queued(Scripted())
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"


async def test_a_run_that_was_taken_is_not_taken_twice_when_the_sessions_are_cut(engine: Engine) -> None:
    run = await engine.queued(Scripted(OperationalError("SELECT", {}, Exception("gone"))))
    await engine.walk(run)  # from now on its history has to be read

    def cut_once(name: str, done: bool) -> None:
        if name == "database.take" and done:
            install(None)
            with psycopg.connect(engine.database.url, autocommit=True) as connection:
                connection.execute(OTHERS)

    install(cut_once)
    assert (await engine.walk(run)).state == "succeeded"
    assert (await engine.service.get(run.id)).fence == 2


async def test_a_worker_does_not_take_its_own_run_when_the_lease_ran_out_in_an_outage(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    orchestrator = engine.orchestrator()
    walk = asyncio.create_task(orchestrator.handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    await engine.expire(run)
    assert await orchestrator.handle(run.id, asyncio.Event()) is not None
    gate.opened.set()
    assert await soon(walk) is None
    ended = await engine.service.get(run.id)
    assert (ended.state, ended.fence) == ("succeeded", 1)


async def read_only(engine: Engine, refused: bool) -> None:
    """Writes are refused in all sessions from now on, or taken again."""
    name = engine.database.engine.url.database or ""
    writing = "-c default_transaction_read_only=off"
    async with await psycopg.AsyncConnection.connect(
        engine.database.url, autocommit=True, options=writing
    ) as connection:
        setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        await connection.execute(setting.format(sql.Identifier(name), sql.Literal(refused)))
    await cut(engine)


@contextmanager
def reached(effect: str, times: int) -> Iterator[asyncio.Event]:
    """An event that is set when the effect is about to happen for so many times; awaited in the block."""
    enough, seen = asyncio.Event(), [effect] * times

    def count(name: str, done: bool) -> None:
        if name == effect and not done and seen:
            seen.pop()
            if not seen:
                enough.set()

    install(count)
    try:
        yield enough
    finally:
        install(None)
