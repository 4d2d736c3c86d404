"""Which failures of an item are tried again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipelines.batches.retrying import CHANCE, OUTAGE, RATE, RETRYABLE, full_jitter, pause_s


def most(ceiling_s: float) -> float:
    """No jitter: the whole pause."""
    return ceiling_s


@pytest.mark.parametrize("code", ["backend_down", "reply_lost", "deadline_exceeded", "too_many_attempts"])
def test_an_outage_is_tried_again_as_often_as_the_batch_allows(code: str) -> None:
    assert [pause_s(code, attempts, 4, most) for attempts in (1, 2, 3, 4)] == [2, 4, 8, None]


@pytest.mark.parametrize("code", ["rate_limited", "overloaded", "limit_wait_exceeded"])
def test_a_server_that_wants_less_is_given_more_time(code: str) -> None:
    assert [pause_s(code, attempts, 3, most) for attempts in (1, 2, 3)] == [10, 20, None]


@pytest.mark.parametrize(("asked_s", "first"), [(25.0, 25), (299.0, 299), (86_400.0, 300), (-5.0, 0)])
def test_a_server_that_names_a_time_is_left_alone_for_so_long_and_the_pause_on_top(
    asked_s: float, first: int
) -> None:
    assert pause_s("rate_limited", 1, 3, most, asked_s) == first + 10
    assert pause_s("rate_limited", 3, 3, most, asked_s) is None
    assert pause_s("request_refused", 1, 3, most, asked_s) is None


@pytest.mark.parametrize("code", ["invalid_answer", "truncated", "loop_detected", "internal"])
def test_a_bad_draw_gets_one_more_attempt(code: str) -> None:
    assert [pause_s(code, attempts, 10, most) for attempts in (1, 2)] == [1, None]
    assert pause_s(code, 1, 1, most) is None


@pytest.mark.parametrize(
    "code",
    [
        "request_refused",
        "schema_refused",
        "unsupported_schema",
        "card_too_small",
        "missing_key",
        "rejected",
        "suspect",
        "not_found",
        None,
        "new",
    ],
)
def test_what_would_fail_the_same_way_again_is_not_retried(code: str | None) -> None:
    assert pause_s(code, 1, 20, most) is None


@given(st.sampled_from([OUTAGE, RATE, CHANCE]), st.integers(1, 1000))
def test_the_longest_pause_doubles_up_to_its_cap(backoff: object, attempts: int) -> None:
    assert isinstance(backoff, type(OUTAGE))
    ceiling = backoff.ceiling_s(attempts)
    assert ceiling <= backoff.cap_s
    assert ceiling == backoff.cap_s or ceiling == backoff.base_s * 2 ** (attempts - 1)


@given(st.floats(0, 1e6))
def test_jitter_stays_below_the_ceiling(ceiling: float) -> None:
    assert 0 <= full_jitter(ceiling) <= ceiling


@given(st.sampled_from(sorted(RETRYABLE)), st.integers(1, 30), st.integers(1, 20))
def test_no_class_gets_more_attempts_than_the_batch_allows(code: str, attempts: int, allowed: int) -> None:
    again = pause_s(code, attempts, allowed, most) is not None
    assert not (again and attempts >= allowed)
