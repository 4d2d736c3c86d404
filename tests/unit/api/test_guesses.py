"""Refused tokens are counted by address, and forgotten after a minute."""

from __future__ import annotations

import contextlib

import pytest

from app.api.guesses import ADDRESSES, MOST, WINDOW_S, Guesses
from app.api.problems import Answered


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_guess_after_the_last_allowed_is_refused_until_a_minute_is_over() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(MOST):
        guesses.count("a")
    with pytest.raises(Answered) as refused:
        guesses.count("a")
    assert refused.value.status == 429
    clock.now = WINDOW_S
    guesses.count("a")


def test_who_guesses_on_stays_refused() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(10 * MOST):
        clock.now += 1
        with contextlib.suppress(Answered):
            guesses.count("a")
    with pytest.raises(Answered):
        guesses.count("a")


def test_one_address_does_not_count_for_another_and_only_so_many_are_kept() -> None:
    guesses = Guesses(Clock())
    for number in range(ADDRESSES + MOST):
        guesses.count(str(number))
    for _ in range(MOST):
        guesses.count("0")  # it was forgotten
    with pytest.raises(Answered):
        guesses.count("0")
