"""Requests and tokens a minute: a bucket that drains by the clock of the database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.db import Database
from app.limits import store
from app.limits.limits import CallLimits, LimitWaitExceeded
from tests.db.limiting import CALL, count, held, limit, process, waiting
from tests.db.scripted import soon


async def passes(database: Database, seconds: float) -> None:
    """As if so much time had passed since the last call."""
    async with database.statement() as connection:
        later = text("UPDATE call_rates SET at = at - make_interval(secs => :seconds)")
        await connection.execute(later, {"seconds": seconds})


async def call(limits: CallLimits, tokens: int = 10, used: int | None = None) -> None:
    """A call that ends at once."""
    async with limits.slot(**CALL | {"tokens": tokens}) as slot:
        if used is not None:
            slot.used(used)


async def opens_in(database: Database) -> float:
    """Seconds until a call may start."""
    async with database.transaction() as session:
        [state] = await store.states(session)
    return state.opens_in


@pytest.mark.parametrize(
    ("level", "per_minute", "seconds", "left"),
    [(10, 60, 0, 10), (10, 60, 4, 6), (10, 60, 10, 0), (10, 60, 99, 0), (10, 120, 4, 2), (10, None, 1, 0)],
)
async def test_a_bucket_drains_at_the_rate_until_it_is_empty(
    database: Database, level: float, per_minute: int | None, seconds: int, left: float
) -> None:
    asked = text("SELECT call_rate_level(:level, CAST(:rate AS integer), now() - make_interval(secs => :s))")
    async with database.statement() as connection:
        found = await connection.execute(asked, {"level": level, "rate": per_minute, "s": seconds})
    assert found.scalar_one() == pytest.approx(left, abs=0.5)


async def test_six_seconds_of_requests_go_at_once_and_then_one_for_each_interval(database: Database) -> None:
    await limit(database, requests_per_minute=10)
    async with process(database, wait_s=60) as limits:
        for _ in range(2):
            assert await opens_in(database) == 0
            await call(limits)
        assert 0 < await opens_in(database) <= 6
        next_one = await waiting(database, limits)
        await passes(database, 6)
        await limits.look()
        await next_one.end()
        assert 0 < await opens_in(database) <= 6


async def test_a_call_with_many_tokens_goes_and_those_after_it_wait_for_them(database: Database) -> None:
    await limit(database, tokens_per_minute=6_000)
    async with process(database, wait_s=100) as limits:
        await call(limits, tokens=10_000)
        assert 80 < await opens_in(database) <= 94
        await passes(database, 94)
        await call(limits, tokens=3_000)
        assert 20 < await opens_in(database) <= 30


async def test_tokens_that_were_not_used_are_given_back(database: Database) -> None:
    await limit(database, tokens_per_minute=6_000)
    async with process(database) as limits:
        await call(limits, tokens=10_000, used=500)
        assert await opens_in(database) == 0
        await call(limits, tokens=10_000, used=10_500)
        assert await opens_in(database) > 80


async def test_a_higher_rate_opens_sooner_and_without_a_rate_it_is_open(database: Database) -> None:
    await limit(database, tokens_per_minute=6_000)
    async with process(database) as limits:
        await call(limits, tokens=10_000)
        await limit(database, tokens_per_minute=12_000)
        assert 30 < await opens_in(database) <= 44
        await limit(database, max_concurrent=1)
        assert await opens_in(database) == 0


async def test_a_call_that_would_have_to_wait_too_long_fails_at_once(database: Database) -> None:
    await limit(database, tokens_per_minute=600)
    async with process(database, wait_s=900) as limits:
        await call(limits, tokens=10_000)
        with pytest.raises(LimitWaitExceeded, match=r"let no call start for 99. s") as failed:
            await soon(call(limits))
        assert (failed.value.code, await count(database)) == ("limit_wait_exceeded", 0)


async def test_the_rates_of_backend_and_profile_both_count(database: Database) -> None:
    await limit(database, requests_per_minute=1)
    await limit(database, "profile:p", requests_per_minute=600)
    async with process(database) as limits:
        await (await held(limits, profile="p")).end()
        async with database.transaction() as session:
            states = {state.name: state.opens_in for state in await store.states(session)}
        assert states["backend:a"] > 50
        assert states["profile:p"] == 0
