"""How a batch is shown while it goes on."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from app.cli.batch_progress import TOLD_EVERY_S, BatchProgress, Pace, clock_time, standing
from app.tables import Batch


def batch(succeeded: int = 0, dead: int = 0, running: int = 0, total: int = 1000, **more: object) -> Batch:
    values = {"state": "open", "pending": 0, "cancelled": 0, "spent_usd": Decimal("0.01234"), **more}
    return Batch(succeeded=succeeded, dead=dead, running=running, total=total, **values)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def seen(clock: Clock, *counts: tuple[float, int]) -> Pace:
    pace = Pace(clock)
    for after_s, done in counts:
        clock.now = 100 + after_s
        pace.see(done)
    return pace


def test_the_rate_is_that_of_the_last_half_minute(clock: Clock) -> None:
    assert seen(clock, (0, 0), (10, 100)).per_s == 10
    assert seen(clock, (0, 0), (60, 60), (75, 360), (90, 660)).per_s == 20


@pytest.mark.parametrize("counts", [[], [(0, 5)], [(0, 5), (0, 9)], [(0, 5), (10, 0)]])
def test_nothing_is_guessed_of_a_rate_that_is_not_known(
    clock: Clock, counts: list[tuple[float, int]]
) -> None:
    assert seen(clock, *counts).per_s == 0
    assert seen(clock, *counts).left_s(batch()) is None


def test_a_line_tells_counts_rate_time_left_and_cost(clock: Clock) -> None:
    pace = seen(clock, (0, 0), (10, 400))
    text = standing(batch(succeeded=397, dead=3, running=8), pace)
    assert text == "400 / 1,000  3 dead  8 running  40.0/s  left 0:15  $0.0123"


def test_a_slow_batch_is_told_by_the_minute(clock: Clock) -> None:
    pace = seen(clock, (0, 0), (30, 3))
    assert "6.0/min  left 2:46:10" in standing(batch(succeeded=3), pace)


def test_a_batch_that_is_not_open_says_so(clock: Clock) -> None:
    assert standing(batch(state="paused"), Pace(clock)).endswith("0.0/s  left -:--  $0.0123  paused")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (723, "12:03"), (10800, "3:00:00")]
)
def test_times_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


def test_a_pipe_gets_a_line_now_and_then(clock: Clock) -> None:
    out = io.StringIO()
    with BatchProgress(Console(file=out, width=200), batch(), clock) as progress:
        for done in range(5):
            progress.update(batch(succeeded=done))
            clock.now += TOLD_EVERY_S / 2
    assert [line.split(" / ")[0] for line in out.getvalue().splitlines()] == ["0", "2", "4"]


def test_a_terminal_gets_a_bar(clock: Clock) -> None:
    out = io.StringIO()
    with BatchProgress(Console(file=out, width=120, force_terminal=True), batch(), clock) as progress:
        progress.update(batch(succeeded=500))
    assert "━" in out.getvalue()
    assert "500 / 1,000" in out.getvalue()
