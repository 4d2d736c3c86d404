"""The database goes away while a phase is under way: its result is kept, and no attempt is wasted."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from app.failpoints import install
from app.pipelines import invariants
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.work import Patience
from tests.db.scripted import THING, Doing, Engine, Scripted, soon, thing

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
