"""What counts as a polite refusal, and what is an answer."""

from __future__ import annotations

import pytest

from app.llm.refusal import is_refusal, rephrased


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m really sorry, I cannot generate this file.",
        "As an AI language model, I do not write code.",
        "Unfortunately, I am unable to complete this task.",
        "  I apologize, but that is not possible.",
    ],
)
def test_an_apology_in_place_of_work_is_a_refusal(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "I\'m sorry, I can\'t do that"}',
        'I am sorry for the delay, here it is: {"a": 1}',
        "The function returns the sorry state of the queue.",
        "def apologize(): return 'done'",
        "",
        "x" * 500 + " I'm sorry, I cannot",
    ],
)
def test_an_answer_that_only_speaks_of_regret_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_the_order_names_what_is_to_be_made_and_keeps_the_task_whole() -> None:
    assert rephrased("Write X.\nThen Y.", "code") == "Generate code for the following.\n\nWrite X.\nThen Y."
