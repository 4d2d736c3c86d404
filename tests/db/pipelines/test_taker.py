"""Leases that are taken in handfuls, and what is left to a look before."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from psycopg.errors import UndefinedTable

from app.db import Database
from app.pipelines.leases import SUSPECT
from app.pipelines.taker import Taker
from tests.db.scripted import Engine, Scripted


def taker(database: Database, worker: str = "w") -> Taker:
    return Taker(database, worker, 60)


async def commits(database: Database) -> int:
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT txid_current()::bigint")).fetchone()
        assert row is not None
        return int(row[0])


async def test_runs_that_wake_up_in_the_same_moment_are_taken_by_one_transaction(engine: Engine) -> None:
    runs = [await engine.queued(Scripted()) for _ in range(5)]
    before = await commits(engine.database)
    got = await asyncio.gather(*(asked.take(run.id) for asked in [taker(engine.database)] for run in runs))
    assert [held.lease.pipeline_id for held in got if held is not None] == [run.id for run in runs]
    assert await commits(engine.database) - before == 2  # one of them is the count


async def test_of_two_wake_ups_for_one_run_one_gets_it(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    one = taker(engine.database)
    got = await asyncio.gather(one.take(run.id), one.take(run.id))
    assert [held is not None for held in got] == [True, False]


async def test_of_many_workers_that_reach_for_many_runs_each_run_goes_to_one(engine: Engine) -> None:
    runs = [await engine.queued(Scripted()) for _ in range(10)]
    takers = [taker(engine.database, f"w{number}") for number in range(4)]
    got = await asyncio.gather(*(one.take(run.id) for one in takers for run in runs))
    assert sorted(held.lease.pipeline_id for held in got if held) == sorted(run.id for run in runs)


async def test_a_run_that_somebody_has_locked_does_not_hold_up_the_others(engine: Engine) -> None:
    locked, free = await engine.queued(Scripted()), await engine.queued(Scripted())
    one = taker(engine.database)
    async with engine.database.transaction() as session:
        await session.get(type(locked), locked.id, with_for_update=True)
        got = await asyncio.gather(one.take(locked.id), one.take(free.id))
    assert [held is not None for held in got] == [False, True]


async def test_suspects_finished_runs_and_unknown_ones_are_left(engine: Engine) -> None:
    suspect, finished = await engine.queued(Scripted()), await engine.queued(Scripted())
    await engine.walk(finished)
    async with engine.database.connection() as connection:
        await connection.execute("UPDATE pipelines SET attempts = %s WHERE id = %s", (SUSPECT, suspect.id))
    one = taker(engine.database)
    got = await asyncio.gather(*(one.take(id_) for id_ in (suspect.id, finished.id, uuid4())))
    assert got == [None, None, None]


async def test_what_a_database_raises_is_told_to_all_who_asked_and_the_next_may_ask_again(
    server_url: str,
) -> None:
    bare = Database(server_url)  # nobody has made our tables there
    one = taker(bare)
    try:
        for _ in range(2):
            got = await asyncio.gather(one.take(uuid4()), one.take(uuid4()), return_exceptions=True)
            assert [type(error) for error in got] == [UndefinedTable, UndefinedTable]
    finally:
        await bare.close()
