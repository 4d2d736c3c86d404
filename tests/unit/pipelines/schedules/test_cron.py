"""When cron expressions tick: the clocks of the world, the days on which they change, and nonsense."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.pipelines.schedules.cron import parse
from app.pipelines.schedules.schedule import SOON

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LA = "America/Los_Angeles"
FIELDS = st.tuples(
    st.sampled_from(["0", "*/20", "5,35", "10-12", "59"]),
    st.sampled_from(["*", "0", "1", "2", "9", "*/6", "1-3"]),
    st.sampled_from(["*", "1", "15", "L", "31", "*/7"]),
    st.sampled_from(["*", "3", "11", "FEB"]),
    st.sampled_from(["*", "1-5", "SUN", "0", "MON#2"]),
).map(" ".join)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


def ticks(expression: str, zone: str, day: tuple[int, int, int], count: int) -> list[str]:
    """The first ticks from the beginning of a day of the zone, as its clock shows them."""
    begin = datetime(*day, tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
    return [tick.strftime("%d %H:%M %z") for tick in parse(expression, zone).upcoming(begin, count)]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ((2026, 3, 7), ["07 09:00 -0800", "08 09:00 -0700", "09 09:00 -0700"]),
        ((2026, 10, 31), ["31 09:00 -0700", "01 09:00 -0800", "02 09:00 -0800"]),
        ((2027, 3, 13), ["13 09:00 -0800", "14 09:00 -0700", "15 09:00 -0700"]),
        ((2027, 11, 6), ["06 09:00 -0700", "07 09:00 -0800", "08 09:00 -0800"]),
    ],
)
def test_nine_in_los_angeles_is_nine_by_its_clock_on_both_days_of_the_year(
    day: tuple[int, int, int], expected: list[str]
) -> None:
    assert ticks("0 9 * * *", LA, day, 3) == expected


@pytest.mark.parametrize("day", [(2026, 3, 7), (2027, 3, 13)])
def test_a_time_that_the_clock_leaves_out_comes_right_after_the_gap(day: tuple[int, int, int]) -> None:
    assert [tick[3:] for tick in ticks("30 2 * * *", LA, day, 3)] == [
        *("02:30 -0800", "03:00 -0700", "02:30 -0700")
    ]


@pytest.mark.parametrize("day", [(2026, 10, 31), (2027, 11, 6)])
def test_a_time_that_the_clock_shows_twice_comes_once(day: tuple[int, int, int]) -> None:
    assert [tick[3:] for tick in ticks("30 1 * * *", LA, day, 3)] == [
        *("01:30 -0700", "01:30 -0700", "01:30 -0800")
    ]
    assert [tick[3:] for tick in ticks("30 2 * * *", LA, day, 3)] == [
        *("02:30 -0700", "02:30 -0800", "02:30 -0800")
    ]


def test_what_runs_every_half_hour_goes_by_real_time() -> None:
    assert ticks("*/30 * * * *", LA, (2026, 3, 8), 6)[3:] == [
        "08 01:30 -0800",
        "08 03:00 -0700",
        "08 03:30 -0700",
    ]
    assert ticks("*/30 * * * *", LA, (2026, 11, 1), 6)[2:] == [
        *("01 01:00 -0700", "01 01:30 -0700", "01 01:00 -0800", "01 01:30 -0800")
    ]


def test_within_the_repeated_hour_the_next_tick_is_never_in_the_past() -> None:
    second_pass = datetime(2026, 11, 1, 1, 15, tzinfo=ZoneInfo(LA), fold=1)
    assert parse("30 1 * * *", LA).upcoming(second_pass, 1)[0].day == 2


def test_a_clock_that_moves_by_half_an_hour_loses_no_tick() -> None:
    half_an_hour_back = (2026, 4, 5)
    assert [tick[3:8] for tick in ticks("*/10 5 * * *", "Australia/Lord_Howe", half_an_hour_back, 3)] == [
        *("05:00", "05:10", "05:20")
    ]


def test_a_day_that_a_zone_never_had_is_made_up_at_the_first_minute_of_the_next() -> None:
    assert ticks("0 12 30 * *", "Pacific/Apia", (2011, 12, 1), 1) == ["31 00:00 +1400"]


def test_midnight_that_the_clock_leaves_out_is_one_o_clock() -> None:
    assert ticks("0 0 * * *", "America/Havana", (2026, 3, 8), 2) == ["08 01:00 -0400", "09 00:00 -0400"]


def test_workdays_month_ends_and_names_are_known() -> None:
    assert [tick[:2] for tick in ticks("0 9 * * mon-fri", "UTC", (2026, 11, 20), 3)] == ["20", "23", "24"]
    assert [tick[:2] for tick in ticks("0 9 L * *", "UTC", (2027, 1, 1), 3)] == ["31", "28", "31"]


@given(FIELDS, INSTANTS)
@UNHURRIED
def test_in_a_zone_whose_clock_never_changes_the_ticks_are_those_of_the_library(
    expression: str, instant: datetime
) -> None:
    try:
        cron = parse(expression, "UTC")
    except Invalid:
        return
    expected = list(islice(CronSim(expression, instant), 5))
    assert cron.upcoming(instant, 5) == expected


@given(FIELDS, INSTANTS, st.sampled_from([LA, "Australia/Lord_Howe", "Europe/Berlin", "America/Havana"]))
@UNHURRIED
def test_looking_back_finds_the_same_ticks_as_looking_forward(
    expression: str, since: datetime, zone: str
) -> None:
    try:
        cron = parse(expression, zone)
    except Invalid:
        return
    forward = [tick.astimezone(UTC) for tick in cron.upcoming(since - timedelta(microseconds=1), 8)]
    if not forward:
        return
    assert forward == sorted(set(forward))
    assert cron.newest(since, forward[-1], 100)[::-1] == forward
    assert cron.newest(since, forward[-1], 3) == forward[:-4:-1]


@pytest.mark.abuse(63)
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@reboot", "@reboot"),
        ("61 * * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * * MON-SUN-TUE", "bad day-of-week"),
        ("0 " * 300, "five fields"),
    ],
)
def test_an_expression_that_means_nothing_is_refused_with_what_is_wrong(expression: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        parse(expression, "UTC")
    assert refused.value.details["place"] == "cron"


@given(st.text(max_size=60) | st.text("0123456789*/-,#LW @", max_size=40))
@UNHURRIED
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    with suppress(Invalid):
        parse(text, LA).after(datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.abuse(63)
@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/Los Angeles", "did you mean America/Los_Angeles"),
        ("../../etc/passwd", "no time zone"),
        ("localtime", "no time zone"),
        ("America", "no time zone"),
    ],
)
def test_a_zone_that_does_not_exist_is_refused_with_the_nearest(zone: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        parse("0 9 * * *", zone)
    assert refused.value.details["place"] == "timezone"


def test_a_rare_date_is_found_and_one_too_rare_is_none() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    leap_day = parse("0 9 29 2 *", "UTC")
    assert leap_day.after(now, SOON) == datetime(2028, 2, 29, 9, tzinfo=UTC)
    fifth_monday = parse("0 0 * 2 MON#5", "UTC")
    assert fifth_monday.after(now, SOON) is None
    assert fifth_monday.after(now) == datetime(2044, 2, 29, tzinfo=UTC)
    assert parse("* * */20 * 1L", "UTC").after(now) is None
