"""The three policies for ticks that nobody saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pipelines.schedules.cron import parse
from app.pipelines.schedules.missed import GRACE, MOST, due
from app.tables import Missed

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
EVERY_MINUTE = parse("* * * * *", "UTC")
CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "0 9 * * *", "30 2 * * 1-5", "59 23 L * *"])
ZONES = st.sampled_from(["UTC", "America/Los_Angeles", "Australia/Lord_Howe"])


@pytest.mark.parametrize(
    ("policy", "runs", "skipped"), [(Missed.SKIP, 2, 9), (Missed.ONCE, 2, 9), (Missed.ALL, 11, 0)]
)
def test_ten_minutes_without_a_worker(policy: Missed, runs: int, skipped: int) -> None:
    found = due(EVERY_MINUTE, policy, NINE, NINE + timedelta(minutes=10))
    assert (len(found.run), len(found.skip)) == (runs, skipped)


@pytest.mark.parametrize("policy", Missed)
def test_a_tick_that_is_seen_in_time_starts_a_run_whatever_the_policy(policy: Missed) -> None:
    assert due(EVERY_MINUTE, policy, NINE, NINE + timedelta(seconds=1)).run == (NINE,)


def test_a_daily_tick_that_was_missed_is_skipped_or_made_up_once() -> None:
    daily, later = parse("0 9 * * *", "UTC"), NINE + timedelta(days=3, hours=1)
    assert due(daily, Missed.SKIP, NINE, later).run == ()
    once = due(daily, Missed.ONCE, NINE, later)
    assert once.run == (NINE + timedelta(days=3),)
    assert len(once.skip) == 3


def test_more_missed_ticks_than_one_look_deals_with_leave_out_the_oldest() -> None:
    found = due(EVERY_MINUTE, Missed.ALL, NINE, NINE + timedelta(days=400))
    assert len(found.run) == MOST
    assert found.run[-1] == NINE + timedelta(days=400)
    assert found.left_out == found.run[0]


@given(CRONS, ZONES, st.sampled_from(Missed), st.integers(0, 10_000), st.integers(0, 100_000))
@UNHURRIED
def test_no_tick_is_lost_and_none_comes_twice(
    cron_text: str, zone: str, policy: Missed, offset_min: int, outage_s: int
) -> None:
    cron, since = parse(cron_text, zone), NINE + timedelta(minutes=offset_min)
    now = since + timedelta(seconds=outage_s)
    found = due(cron, policy, since, now)
    every, tick = [], cron.after(since - timedelta(microseconds=1))
    while tick is not None and tick <= now:
        every.append(tick)
        tick = cron.after(tick)
    assert sorted([*found.run, *found.skip]) == every[-MOST:]
    assert (found.left_out is None) == (len(every) <= MOST)
    if policy is Missed.ALL:
        assert found.skip == ()
    assert all(tick in found.run for tick in every[-MOST:] if now - tick <= GRACE)


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=12), ZONES)
@UNHURRIED
def test_looks_at_any_times_start_each_tick_exactly_once(pauses: list[int], zone: str) -> None:
    cron, now, seen = parse("*/5 * * * *", zone), NINE, []
    following = cron.after(NINE)
    for pause in pauses:
        now += timedelta(seconds=pause)
        assert following is not None
        if following <= now:
            seen += due(cron, Missed.ALL, following, now).run
            following = cron.after(now)
    assert seen == [NINE + timedelta(minutes=5 * n) for n in range(1, len(seen) + 1)]
    assert not seen or now - seen[-1] < timedelta(minutes=5)
