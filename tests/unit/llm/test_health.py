"""A backend that keeps failing is left alone, tried again, and trusted again."""

from __future__ import annotations

import pytest

from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    DeadlineExceeded,
    InvalidAnswer,
    LLMError,
    MissingKey,
    ModelNotFound,
    Overloaded,
    RateLimited,
    ReplyLost,
    RequestRefused,
)
from app.llm.health import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, CircuitOpen, Circuits
from app.llm.request import QUOTA


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuits(clock: Clock) -> Circuits:
    return Circuits(clock)


def fail(circuits: Circuits, times: int = FAILURES, error: LLMError | None = None) -> None:
    for _ in range(times):
        circuits.failed("ollama", error or BackendDown("no answer"))


def opened(circuits: Circuits) -> bool:
    try:
        circuits.guard("ollama")
    except CircuitOpen:
        return True
    return False


@pytest.mark.parametrize("kind", [BackendDown, Overloaded, DeadlineExceeded, ReplyLost])
def test_so_many_faults_of_the_server_in_a_row_open_the_circuit(
    circuits: Circuits, kind: type[LLMError]
) -> None:
    fail(circuits, FAILURES - 1, kind("broken"))
    circuits.guard("ollama")
    fail(circuits, 1, kind("broken"))
    assert opened(circuits)


def test_one_backend_says_nothing_about_another(circuits: Circuits) -> None:
    fail(circuits)
    circuits.guard("anthropic")
    assert circuits.state("anthropic").position == "closed"


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down"),
        RequestRefused("400"),
        ModelNotFound("no such model"),
        AuthenticationFailed("401"),
        InvalidAnswer("prose"),
    ],
)
def test_a_server_that_refuses_works(circuits: Circuits, error: LLMError) -> None:
    fail(circuits, 3 * FAILURES, error)
    fail(circuits, FAILURES - 1)
    circuits.failed("ollama", error)
    fail(circuits, FAILURES - 1)
    assert not opened(circuits)


@pytest.mark.parametrize("error", [MissingKey("no key"), UnsupportedSchema("it is recursive")])
def test_what_was_never_sent_neither_opens_nor_closes(circuits: Circuits, error: LLMError) -> None:
    fail(circuits, 3 * FAILURES, error)
    assert not opened(circuits)
    fail(circuits)
    circuits.failed("ollama", error)
    assert opened(circuits)


def test_the_message_says_since_when_why_and_when_it_is_tried_again(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, error=BackendDown("no answer from Ollama"))
    clock.now += 3
    with pytest.raises(CircuitOpen) as caught:
        circuits.guard("ollama")
    assert f"failed {FAILURES} times in a row" in caught.value.message
    assert "not answered for 3 s" in caught.value.message
    assert "tried again in 7 s" in caught.value.message
    assert "no answer from Ollama" in caught.value.message
    assert caught.value.retry_after_s == 7


def test_an_open_circuit_is_a_backend_that_is_down_and_not_asked_again(circuits: Circuits) -> None:
    assert CircuitOpen.code in QUOTA
    assert not CircuitOpen("open").retryable
    assert not CircuitOpen("open").reply_lost


def test_after_the_pause_one_call_tries_and_the_others_wait(circuits: Circuits, clock: Clock) -> None:
    fail(circuits)
    clock.now += FIRST_PAUSE_S
    assert circuits.state("ollama").position == "half_open"
    circuits.guard("ollama")
    assert opened(circuits)
    circuits.succeeded("ollama")
    assert circuits.state("ollama").position == "closed"
    fail(circuits, FAILURES - 1)
    assert not opened(circuits)


def test_each_try_that_fails_doubles_the_pause_up_to_a_cap(circuits: Circuits, clock: Clock) -> None:
    fail(circuits)
    pauses = []
    for _ in range(8):
        wait = circuits.state("ollama").next_try_s
        assert wait is not None
        pauses.append(wait)
        clock.now += wait
        circuits.guard("ollama")
        fail(circuits, 1)
    assert pauses == [10, 20, 40, 80, 160, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_calls_that_were_under_way_do_not_lengthen_the_pause(circuits: Circuits) -> None:
    fail(circuits, FAILURES + 60)
    assert circuits.state("ollama").next_try_s == FIRST_PAUSE_S


def test_a_try_that_never_reports_makes_room_for_another_after_a_pause(
    circuits: Circuits, clock: Clock
) -> None:
    fail(circuits)
    clock.now += FIRST_PAUSE_S
    circuits.guard("ollama")
    clock.now += FIRST_PAUSE_S - 1
    assert opened(circuits)
    clock.now += 1
    assert not opened(circuits)


def test_the_state_says_how_it_stands(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, 2)
    assert circuits.state("ollama").position == "closed"
    assert (circuits.state("ollama").failures, circuits.state("ollama").last_error) == (2, "no answer")
    fail(circuits)
    clock.now += 4
    state = circuits.state("ollama")
    assert (state.position, state.open_for_s, state.next_try_s) == ("open", 4, 6)
