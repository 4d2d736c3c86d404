"""In which modes a model is asked, by what its last probe found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.llm.capabilities import HOLDS_FROM, newest, order, thinks_with_grammar
from app.llm.probing.case import Verdict
from app.llm.probing.figures import Asked, Capability, capability
from app.llm.types import Mode
from app.usage.tokens import Tokens

AT = datetime(2026, 11, 20, tzinfo=UTC)
GOOD = Verdict(valid=True, enums=True, compliant=True, correct=True)


def probed(mode: Mode, held: int, *, of: int = 10, thinks: bool = False, thinking: int = 0) -> Capability:
    calls = [
        Asked(1.0, Tokens(output=20, thinking=thinking), GOOD if number < held else Verdict())
        for number in range(of)
    ]
    return capability("ollama", "qwen", "0.32", mode, thinks=thinks, calls=calls, at=AT)


def test_a_model_that_was_never_probed_is_asked_with_a_grammar_first() -> None:
    assert order([]) == ("grammar", "tool", "prompt")


def test_modes_that_hold_stay_in_their_usual_order() -> None:
    assert order([probed("prompt", 10), probed("tool", 8), probed("grammar", 9)]) == (
        "grammar",
        "tool",
        "prompt",
    )


def test_a_mode_that_does_not_hold_goes_behind_those_that_do() -> None:
    assert HOLDS_FROM == 0.8
    assert order([probed("grammar", 7), probed("tool", 3), probed("prompt", 8)]) == (
        "prompt",
        "grammar",
        "tool",
    )


def test_modes_that_do_not_hold_are_asked_by_how_often_they_did() -> None:
    assert order([probed("grammar", 1), probed("tool", 3), probed("prompt", 2)]) == (
        "tool",
        "prompt",
        "grammar",
    )


def test_a_mode_that_never_gave_a_valid_answer_is_left_out() -> None:
    assert order([probed("grammar", 10), probed("tool", 0), probed("prompt", 0)]) == ("grammar",)


def test_a_mode_that_was_not_tried_beside_others_is_left_out() -> None:
    assert order([probed("grammar", 2), probed("prompt", 10)]) == ("prompt", "grammar")


def test_when_nothing_is_left_the_usual_modes_are_tried() -> None:
    assert order([probed("grammar", 0), probed("prompt", 0)]) == ("grammar", "tool", "prompt")


@pytest.mark.parametrize(
    ("grammar", "prompt", "works"),
    [
        (probed("grammar", 10, thinks=True, thinking=9), probed("prompt", 9, thinks=True, thinking=9), True),
        (probed("grammar", 7, thinks=True, thinking=9), probed("prompt", 9, thinks=True, thinking=9), False),
        (probed("grammar", 10, thinks=True), probed("prompt", 9, thinks=True, thinking=9), False),
        (probed("grammar", 10, thinks=True), probed("prompt", 9, thinks=True), None),
        (probed("grammar", 10), probed("prompt", 9), None),
    ],
    ids=[
        "both",
        "broken answers",
        "thinking switched off",
        "no thinking is ever seen",
        "never asked to think",
    ],
)
def test_whether_thinking_works_under_a_grammar(
    grammar: Capability, prompt: Capability, works: bool | None
) -> None:
    assert thinks_with_grammar([prompt, grammar]) is works


def test_the_last_probe_counts_whichever_version_of_the_server_it_was() -> None:
    old = probed("grammar", 1)
    new = replace(probed("grammar", 10), server_version="0.33", probed_at=AT + timedelta(days=1))
    again = replace(old, probed_at=AT + timedelta(days=2))
    assert newest([old, new]) == {("ollama", "qwen"): [new]}
    assert newest([new, again]) == {("ollama", "qwen"): [again]}


def test_figures_count_tokens_over_the_time_of_answers_only() -> None:
    calls = [
        Asked(1.0, Tokens(output=40, thinking=10), GOOD),
        Asked(3.0, Tokens(output=60), Verdict(valid=True)),
        Asked(9.0, None, error="refused"),
    ]
    found = capability("ollama", "qwen", "1", "tool", thinks=True, calls=calls, at=AT)
    assert (found.asked, found.answered, found.valid, found.enums, found.correct) == (3, 2, 2, 1, 1)
    assert (found.output_tokens, found.thinking_tokens, found.tokens_per_s) == (100, 10, 25.0)
    assert (found.p50_s, found.p95_s, found.error) == (2.0, pytest.approx(2.9), "refused")


def test_without_an_answer_there_is_no_speed() -> None:
    found = capability("ollama", "qwen", "1", "tool", thinks=True, calls=[Asked(9.0, error="no")], at=AT)
    assert (found.tokens_per_s, found.p50_s, found.p95_s, found.share) == (None, None, None, 0)
