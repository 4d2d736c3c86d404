"""Inputs of a batch: what a file may hold, and what is said about what it may not."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, TooLarge
from app.pipelines.batches.inputs import MAX_LINE_BYTES, Format, read, texts
from app.pipelines.service import MAX_EPIC_CHARS

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(CHARACTERS, min_size=1, max_size=80).filter(lambda text: text.strip())


def parsed(content: str | bytes, form: Format = Format.JSONL, column: str | None = None) -> list[str]:
    data = content.encode() if isinstance(content, str) else content
    return list(read(io.BytesIO(data), form, column))


def as_csv(rows: list[list[str]], lineterminator: str = "\r\n") -> str:
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator=lineterminator, quoting=csv.QUOTE_ALL).writerows(rows)
    return made.getvalue()


@given(st.lists(TEXTS), st.booleans())
def test_every_text_comes_back_from_json_lines(inputs: list[str], escaped: bool) -> None:
    content = "".join(json.dumps(text, ensure_ascii=escaped) + "\n" for text in inputs)
    assert parsed(content) == [text.strip() for text in inputs]


@given(st.lists(TEXTS), st.sampled_from(["\n", "\r\n"]))
def test_every_text_comes_back_from_csv(inputs: list[str], end: str) -> None:
    rows = [["id", "input"], *([str(n), text] for n, text in enumerate(inputs))]
    assert parsed(as_csv(rows, end), Format.CSV) == [text.strip() for text in inputs]


def test_an_object_is_its_text_or_else_all_of_it() -> None:
    lines = ['{"id": 1, "input": "a"}', '{"epic_description": "b", "input": "c"}', '{"amount": 3, "to": "é"}']
    assert parsed("\n".join(lines)) == ["a", "b", '{"amount":3,"to":"é"}']


def test_a_row_without_a_known_column_is_all_of_it() -> None:
    assert parsed("amount,to\n3,é\n", Format.CSV) == ['{"amount":"3","to":"é"}']


def test_a_column_or_key_can_be_named() -> None:
    assert parsed("id,note\n1,hello\n", Format.CSV, "note") == ["hello"]
    assert parsed('{"note": "hello", "input": "no"}', column="note") == ["hello"]


def test_empty_lines_and_a_byte_order_mark_are_no_inputs() -> None:
    assert parsed(b'\xef\xbb\xbf"a"\n\n  \n"b"') == ["a", "b"]
    assert parsed(b"\xef\xbb\xbfinput\na\n\nb\n", Format.CSV) == ["a", "b"]


def test_a_field_may_hold_lines() -> None:
    assert parsed('input\n"one\ntwo"\n', Format.CSV) == ["one\ntwo"]


BAD_LINES = {
    "no JSON": ('"a"\n{oops}\n', "line 2: not JSON"),
    "two values": ('"a" "b"\n', "line 1: not JSON"),
    "a key twice": ('{"input": "a", "input": "b"}\n', "line 1: .* twice"),
    "no number": ('"a"\n\nNaN\n', "line 3: .*NaN"),
    "a number": ('"a"\n3\n', "line 2: an input is a text or an object"),
    "an empty text": ('"a"\n"  "\n', "line 2: the epic is empty"),
    "no text under the name": ('{"input": 3}\n', "line 1: 'input' is not a text"),
    "a surrogate": ('"\\ud800"\n', "line 1: "),
    "another encoding": (b'"a"\n"\xe9"\n', "line 2: not UTF-8"),
    "a line without end": (b'"a"\n"' + b"x" * MAX_LINE_BYTES, "line 2: longer than"),
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_bad_line_is_named_by_its_number(what: str) -> None:
    content, message = BAD_LINES[what]
    with pytest.raises(Invalid, match=message) as caught:
        parsed(content)
    assert str(caught.value.details["place"]).startswith("line ")


BAD_TABLES = {
    "no header": ("", "line 1: the header"),
    "a column without a name": ("a,,b\n", "line 1: the header"),
    "a column twice": ("a,a\n1,2\n", "line 1: the header"),
    "a field too many": ("a,b\n1,2\n1,2,3\n", "line 3: 3 fields, and the header has 2"),
    "a quote without end": ('input\n"a\n', "line 2: not CSV"),
    "an empty text": ("input,b\n,1\n", "line 2: the epic is empty"),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_bad_row_is_named_by_its_line(what: str) -> None:
    content, message = BAD_TABLES[what]
    with pytest.raises(Invalid, match=message):
        parsed(content, Format.CSV)


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(Invalid, match="line 1: no column 'note'; there are: id, text"):
        parsed("id,text\n1,a\n", Format.CSV, "note")
    with pytest.raises(Invalid, match="line 1: no key 'note'"):
        parsed('{"text": "a"}', column="note")


def test_an_input_that_is_too_long_is_named_by_its_line() -> None:
    with pytest.raises(TooLarge, match="line 2: the epic has 20,001 characters"):
        parsed(f'"a"\n"{"x" * (MAX_EPIC_CHARS + 1)}"\n')


def test_values_are_named_by_their_place() -> None:
    values: list[Any] = ["a", {"input": "b"}, 3]
    found = texts(values)
    assert [next(found), next(found)] == ["a", "b"]
    with pytest.raises(Invalid, match=r"inputs\[2\]: an input is a text or an object"):
        next(found)
