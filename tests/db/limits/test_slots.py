"""How many calls at once: counted over all processes, given back whatever happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from app.db import Database
from app.limits.limits import CHANNEL, CallLimits, LimitWaitExceeded
from app.queue.listener import Listener
from app.settings import ROOT
from app.tables import Priority
from tests.db.limiting import CALL, Holding, count, held, limit, process, say, waiting
from tests.db.scripted import soon

HAMMER = Path(__file__).with_name("hammer.py")
DEAD = """
    INSERT INTO call_slots
        (id, worker, backend, profile, batch, priority, turn, tokens, granted_at, expires_at)
    VALUES (gen_random_uuid(), 'dead', 'backend:a', 'profile:p', '', 2, 1, 10, {granted}, {expires})
"""
SINCE = "now() - interval '1 s'"
LATER = "now() + interval '1 day'"


class Deaf:
    """A listener that hears nothing."""

    async def add(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        return None

    async def remove(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        return None


async def test_calls_beyond_the_limit_wait_until_one_ends(database: Database) -> None:
    await limit(database, max_concurrent=2)
    async with process(database) as limits:
        first, second = await held(limits), await held(limits)
        third = await waiting(database, limits)
        assert (await count(database), third.inside.is_set()) == (3, False)
        await first.end()
        await soon(third.inside.wait())
        await second.end()
        await third.end()
    assert await count(database) == 0


async def test_three_processes_never_have_more_calls_in_flight_than_the_limit(
    database: Database, database_url: str
) -> None:
    await limit(database, max_concurrent=3)
    await say(database, "CREATE TABLE inside (id bigint GENERATED ALWAYS AS IDENTITY)")
    command = (sys.executable, str(HAMMER), database_url, "25")
    started = [
        await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    seen = [int((await soon(one.communicate()))[0]) for one in started]
    assert 2 <= max(seen) <= 3
    assert await count(database) == 0


async def test_who_asks_while_another_is_being_granted_waits_and_counts_it(
    database: Database, database_url: str
) -> None:
    await limit(database, max_concurrent=1)
    ask = (
        "SELECT granted FROM ask_call_slot(gen_random_uuid(), 'w', 'backend:a', 'profile:p', '', 2, 1, '1 d')"
    )
    async with (
        await psycopg.AsyncConnection.connect(database_url) as one,
        await psycopg.AsyncConnection.connect(database_url) as another,
    ):
        [first] = await (await one.execute(ask)).fetchall()
        asking = asyncio.create_task(another.execute(ask))
        while not asking.done() and not await blocked(database):  # noqa: ASYNC110 - a lock sets no event
            await asyncio.sleep(0.005)
        assert not asking.done()
        await one.commit()
        [second] = await (await soon(asking)).fetchall()
    assert (len(first[0]), len(second[0])) == (1, 0)


async def blocked(database: Database) -> bool:
    """Whether somebody waits for the lock of all slots."""
    async with database.statement() as connection:
        locks = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool((await connection.execute(locks)).scalar_one())


async def test_a_call_is_counted_against_its_backend_and_against_its_profile(database: Database) -> None:
    await limit(database, max_concurrent=2)
    await limit(database, "profile:p", max_concurrent=1)
    async with process(database) as limits:
        first = await held(limits, profile="p")
        same_profile = await waiting(database, limits, profile="p")
        other_profile = await held(limits, profile="q")
        full = await waiting(database, limits, profile="r")
        await other_profile.end()
        await soon(full.inside.wait())
        assert not same_profile.inside.is_set()
        await first.end()
        for call in (same_profile, full):
            await soon(call.inside.wait())
            await call.end()


async def test_what_has_no_limit_is_not_written_down(database: Database) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        many = [await held(limits, backend="b") for _ in range(3)]
        assert await count(database) == 0
        await asyncio.gather(*(one.end() for one in many))


@pytest.mark.parametrize("figures", [{"max_concurrent": 2}, {"requests_per_minute": 6000}, {}])
async def test_an_edited_limit_counts_for_the_next_call(database: Database, figures: dict[str, int]) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        first = await held(limits)
        await limit(database, **figures)
        second = await held(limits)
        await limit(database, max_concurrent=1)
        await first.end()
        await second.end()
        third = await held(limits)
        fourth = await waiting(database, limits)
        await third.end()
        await fourth.end()


async def test_the_slots_of_a_dead_process_come_back(database: Database) -> None:
    await limit(database, max_concurrent=1)
    for granted in ("now()", "NULL"):
        await say(database, DEAD.format(granted=granted, expires=SINCE))
    async with process(database) as limits:
        await (await held(limits)).end()
    assert await count(database) == 0


async def test_a_waiting_call_finds_the_slot_of_a_process_that_dies_meanwhile(database: Database) -> None:
    await limit(database, max_concurrent=1)
    await say(database, DEAD.format(granted="now()", expires=LATER))
    async with process(database) as limits:
        call = await waiting(database, limits)
        await say(database, "UPDATE call_slots SET expires_at = now() WHERE worker = 'dead'")
        await limits.look()
        await call.end()


async def test_a_process_that_lives_keeps_its_slots(database: Database) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        call = await held(limits)
        await say(database, "UPDATE call_slots SET expires_at = now() + interval '2 s'")
        await limits.look()
        assert await count(database, "expires_at > now() + interval '10 s'") == 1
        await call.end()


@pytest.mark.parametrize("state", ["waits", "is in flight"])
async def test_a_call_that_is_cancelled_leaves_no_row(database: Database, state: str) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        first = await held(limits)
        call = await waiting(database, limits) if state == "waits" else first
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.task
        assert await count(database) == (1 if state == "waits" else 0)
        if state == "waits":
            await first.end()


async def test_a_call_that_is_cancelled_at_any_moment_leaves_no_row(database: Database) -> None:
    await limit(database, max_concurrent=1)
    for steps in range(40):
        async with process(database) as limits:
            call = Holding(limits)
            for _ in range(steps):
                await asyncio.sleep(0)
            call.task.cancel()
            await asyncio.gather(call.task, return_exceptions=True)
        assert await count(database) == 0


async def test_whoever_ends_a_call_tells_the_process_whose_turn_it_is(database: Database) -> None:
    await limit(database, max_concurrent=1)
    told: asyncio.Queue[str | bytes | bytearray] = asyncio.Queue()
    listener = Listener(database.url)
    await listener.add(CHANNEL, told.put_nowait)
    async with process(database) as one, process(database) as another:
        first = await held(one)
        second = await waiting(database, another)
        await first.end()
        await soon(second.inside.wait())
        assert second.slot is not None
        assert await soon(told.get()) == str(second.slot.id)
        await second.end()
    await listener.close()


async def test_a_turn_that_was_not_heard_of_is_found_by_looking(database: Database) -> None:
    await limit(database, max_concurrent=1)
    deaf = CallLimits(database, Deaf(), wait_s=30, look_s=0.01)
    async with process(database) as limits:
        first = await held(limits)
        second = await waiting(database, deaf)
        await first.end()
        await soon(second.inside.wait())
        await second.end()
    await deaf.close()


async def test_a_waiting_call_asks_anew_when_postgres_has_forgotten_it(database: Database) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        first = await held(limits)
        second = await waiting(database, limits)
        await say(database, "TRUNCATE call_slots")  # what a crash does to an unlogged table
        await limits.look()
        await soon(second.inside.wait())
        await first.end()
        await second.end()
    assert await count(database) == 0


async def test_a_call_that_finds_no_room_for_too_long_fails_and_leaves_the_queue(database: Database) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits, process(database, wait_s=0.01) as hasty:
        first = await held(limits)
        with pytest.raises(LimitWaitExceeded, match=r"backend:a and profile:p had no room within 0\.01 s"):
            await soon(Holding(hasty).task)
        assert await count(database) == 1
        await first.end()


async def test_with_no_database_there_is_no_call(database_url: str) -> None:
    database = Database(database_url)
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        await (await held(limits)).end()
        await database.close()
        with pytest.raises(psycopg.OperationalError):
            await soon(Holding(limits).task)


async def test_an_answer_is_kept_although_its_slot_can_not_be_given_back(
    database: Database, database_url: str
) -> None:
    lost = Database(database_url)
    await limit(database, max_concurrent=1)
    async with process(lost) as limits:
        call = await held(limits, priority=Priority.IDLE)
        await lost.close()
        await call.end()
    assert await count(database) == 1


class Reluctant(Deaf):
    """A listener that fails the first time."""

    def __init__(self) -> None:
        self.asked = 0

    async def add(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        self.asked += 1
        if self.asked == 1:
            raise psycopg.OperationalError("the connection is lost")


async def test_a_call_that_can_not_hear_of_its_turn_fails_and_the_next_tries_again(
    database: Database,
) -> None:
    await limit(database, max_concurrent=1)
    limits = CallLimits(database, listener := Reluctant(), wait_s=30)
    first = await held(limits)
    with pytest.raises(psycopg.OperationalError):
        await soon(Holding(limits).task)
    second = await waiting(database, limits)
    await first.end()
    await second.end()
    await limits.close()
    assert (listener.asked, await count(database)) == (2, 0)


async def test_the_limits_end_when_every_slot_is_given_back(database: Database) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as limits:
        call = await held(limits)
        call.task.cancel()
    await asyncio.gather(call.task, return_exceptions=True)
    assert await count(database) == 0
    async with process(database) as limits, limits.slot(**CALL):
        assert await count(database, "granted_at IS NOT NULL") == 1
