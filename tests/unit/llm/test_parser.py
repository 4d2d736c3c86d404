"""What the parser takes for the answer, and what it never does."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.errors import InvalidAnswer
from app.llm.parser import STRATEGIES, LLMResponseParser
from app.llm.strict_json import MAX_CHARS, MAX_DEPTH
from app.llm.types import JSON

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=5)
TRICKY = st.sampled_from(
    [
        '```json\n{"inner": 1}\n```',
        "{}",
        '{"a": 1}',
        "```",
        "}]",
        "[{",
        "\\",
        '"',
        "<think>x</think>",
        "\n~~~\n",
    ]
)
ADVERSE = st.dictionaries(WORDS | TRICKY, VALUES | TRICKY | st.lists(TRICKY), min_size=1, max_size=5)


def parse(text: str) -> dict[str, JSON]:
    return LLMResponseParser().parse(text).data


def refused(text: str) -> str:
    with pytest.raises(InvalidAnswer) as caught:
        parse(text)
    assert caught.value.errors
    return "\n".join(caught.value.errors)


def same(found: Any, wanted: Any) -> bool:
    return json.dumps(found) == json.dumps(wanted)


@given(OBJECTS | ADVERSE, st.sampled_from([None, 2]), st.booleans())
def test_an_object_that_is_the_whole_text_is_read(
    wanted: dict[str, Any], indent: int | None, plain: bool
) -> None:
    assert same(parse(json.dumps(wanted, indent=indent, ensure_ascii=plain)), wanted)


@given(
    OBJECTS | ADVERSE, st.sampled_from(["```json\n{}\n```", "Here:\n```\n{}\n```\nDone.", "~~~~\n{}\n~~~~"])
)
def test_an_object_in_a_fence_is_read(wanted: dict[str, Any], frame: str) -> None:
    assert same(parse(frame.replace("{}", json.dumps(wanted, indent=1))), wanted)


@given(
    OBJECTS | ADVERSE,
    st.sampled_from(["Sure! @", "I see [1] and {this}: @. Fine?", "@ that is all", "```json @```"]),
)
def test_an_object_within_prose_is_read(wanted: dict[str, Any], frame: str) -> None:
    assert same(parse(frame.replace("@", json.dumps(wanted), 1)), wanted)


@pytest.mark.abuse(39)
@given(OBJECTS | ADVERSE, st.sampled_from(["", "Here it is: ", "```json\n", "Text\n```\n"]), st.data())
def test_a_cut_off_object_never_yields_data(wanted: dict[str, Any], before: str, data: st.DataObject) -> None:
    text = json.dumps(wanted, indent=data.draw(st.sampled_from([None, 2])))
    refused(before + text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.text() | st.text("{}[]\"'`~\n\\a1:,"))
def test_any_text_is_read_or_refused_and_never_another_error(text: str) -> None:
    with contextlib.suppress(InvalidAnswer):
        assert isinstance(parse(text), dict)


def test_each_strategy_is_named_by_the_answer_it_found() -> None:
    texts = ['{"a": 1}', 'Look:\n```json\n{"a": 1}\n```', 'It is {"a": 1}.']
    assert [LLMResponseParser().parse(text).strategy for text in texts] == ["whole", "fenced", "embedded"]


def test_another_strategy_is_one_more_entry() -> None:
    class Shouted:
        name = "shouted"

        def find(self, text: str) -> list[str]:
            return [text.lower()]

    assert LLMResponseParser([*STRATEGIES, Shouted()]).parse('{"OK": TRUE}').strategy == "shouted"


def test_leading_thinking_is_skipped_and_open_thinking_is_no_answer() -> None:
    assert parse('<think>perhaps {"a": 2}?</think>\n{"a": 1}') == {"a": 1}
    assert "empty" in refused('<think>perhaps {"a": 2}')


def test_the_last_fenced_object_wins() -> None:
    assert parse('Draft:\n```json\n{"a": 1}\n```\nFinal:\n```json\n{"a": 2}\n```') == {"a": 2}


def test_a_complete_draft_is_not_taken_for_a_cut_off_final_answer() -> None:
    refused('Draft:\n```json\n{"a": 1}\n```\nFinal:\n```json\n{"a": 2')


@pytest.mark.abuse(39)
def test_two_objects_in_prose_are_ambiguous() -> None:
    assert "more than one" in refused('Either {"a": 1} or {"a": 2}.')


@pytest.mark.abuse(39)
@pytest.mark.parametrize(
    "text",
    [
        '{"path": "R.md", "content": "# T\n```json\n{"inner": 1}\n```\n"}',
        '{"path": "R.md", "content": "# T\n```json\n{"inner": 1}\n```\n',
        '{"findings": [{"id": 1}, oops, {"id": 2}]}',
        '[{"id": 1}, {"id": 2}]',
        '[{"id": 1}, {"id":',
        'The list: [{"id": 1}, {"id": 2}]',
        "{'a': {\"id\": 1}}",
        '{a: {"s": "}}"}, b: {"id": 1}}',
        '"id": 1, "x": {"y": 2}}',
        '"a string with {} in it"',
        '"{\\"a\\": 1}"',
        '```json\n{"content": "x\n```\n{"inner": 1}\n```\n"}\n```',
    ],
)
def test_a_part_of_a_broken_answer_is_never_the_answer(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "text", ["", "   ", "I can't produce {that} for you, sorry.", "45%", "<html></html>", "```\n```"]
)
def test_text_without_an_object_is_refused(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("[1]", "a list"), ('"x"', "a string"), ("12", "a number"), ("null", "null")]
)
def test_json_that_is_no_object_is_named(text: str, kind: str) -> None:
    assert kind in refused(text)


TWO_WAYS = [
    pytest.param(text, reason, marks=pytest.mark.abuse(case))
    for case, text, reason in (
        (34, '{"path": 1, "path": 2}', "twice"),
        (33, '{"x": NaN}', "NaN"),
        (33, '{"x": -Infinity}', "Infinity"),
        (33, '{"x": 1e999}', "too large"),
        (35, '{"x": ' + "9" * 5_000 + "}", "digits"),
        (36, r'{"x": "\ud800"}', "surrogate"),
        (36, '{"x": "\ud800"}', "surrogate"),
        (36, r'{"x\u0000": ["\u0000"]}', r"\u0000"),
        (36, r'{"x": ["\u0000"]}', r"\u0000"),
        (36, '{"x": "\0"}', "control character"),
        (32, '{"a": ' * 100_000, "deeper"),
        (32, '{"a": ' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "deeper"),
        (37, '{"x": "' + "y" * MAX_CHARS + '"}', "characters"),
        (39, '{"a": 1,}', "line 1 column"),
    )
]


@pytest.mark.parametrize(("text", "reason"), TWO_WAYS)
def test_json_that_two_readers_could_take_two_ways_is_refused(text: str, reason: str) -> None:
    assert reason in refused(text)


def test_brackets_in_strings_are_no_depth() -> None:
    assert parse(json.dumps({"code": "[" * 1_000 + '"{'})) == {"code": "[" * 1_000 + '"{'}


def test_many_siblings_are_no_depth() -> None:
    assert len(parse(json.dumps({"rows": [{"n": n} for n in range(500)]}))["rows"]) == 500
