"""The inputs of a batch: values, or the lines of a JSONL or CSV file, read one by one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import IO

from app.errors import Invalid, WorkbenchError
from app.llm.strict_json import BadJSON, loads
from app.llm.types import JSON
from app.pipelines.service import check_epic

NAMES = ("epic_description", "input")
"""Keys and columns that hold the text; without them the whole object or row is the input, as compact JSON."""
MAX_LINE_BYTES = 1024 * 1024
BOM = b"\xef\xbb\xbf"


class Format(StrEnum):
    """What a file of inputs or results is written in."""

    JSONL = "jsonl"
    CSV = "csv"


def read(file: IO[bytes], form: Format, column: str | None = None) -> Iterator[str]:
    """The inputs of a file, in its order; `column` names the key or column that holds the text.

    Raises `Invalid` or `TooLarge` with the number of the line.
    """
    return _csv(file, column) if form is Format.CSV else _jsonl(file, column)


def texts(values: Iterable[JSON]) -> Iterator[str]:
    """The inputs of a list of texts and objects. Raises `Invalid` or `TooLarge` with the place."""
    for index, value in enumerate(values):
        yield _text(value, None, f"inputs[{index}]")


def _jsonl(file: IO[bytes], column: str | None) -> Iterator[str]:
    for number, line in _lines(file):
        if line.strip():
            try:
                value = loads(line)
            except BadJSON as error:
                raise _invalid(number, f"not JSON that can be used: {error}") from None
            yield _text(value, column, f"line {number}")


def _csv(file: IO[bytes], column: str | None) -> Iterator[str]:
    rows = csv.reader((line for _, line in _lines(file)), strict=True)
    try:
        header = next(rows, [])
        _check_header(header, column)
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise _invalid(rows.line_num, f"{len(row)} fields, and the header has {len(header)}")
            yield _text(dict(zip(header, row, strict=True)), column, f"line {rows.line_num}")
    except csv.Error as error:
        raise _invalid(rows.line_num, f"not CSV that can be used: {error}") from None


def _check_header(header: list[str], column: str | None) -> None:
    if not all(header) or len(set(header)) != len(header) or not header:
        raise _invalid(1, "the header names every column, each by a name of its own")
    if column is not None and column not in header:
        raise _invalid(1, f"no column {column!r}; there are: {', '.join(header)}")


def _lines(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Number and text of each line. None is ever held whole that is longer than allowed."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise _invalid(number, f"longer than {MAX_LINE_BYTES:,} bytes")
        try:
            yield number, (line.removeprefix(BOM) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            raise _invalid(number, f"not UTF-8: byte {error.start}") from None


def _text(value: JSON, column: str | None, place: str) -> str:
    text = _choose(value, column, place)
    try:
        return check_epic(text)
    except WorkbenchError as error:
        raise type(error)(f"{place}: {error.message}", place=place) from None


def _choose(value: JSON, column: str | None, place: str) -> str:
    """The text itself, the text under its name, or all of the object."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        raise Invalid(f"{place}: an input is a text or an object", place=place)
    name = next((name for name in ((column,) if column else NAMES) if name in value), None)
    if name is None and column:
        raise Invalid(f"{place}: no key {column!r}", place=place)
    if name is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = value[name]
    if not isinstance(text, str):
        raise Invalid(f"{place}: {name!r} is not a text", place=place)
    return text


def _invalid(line: int, what: str) -> Invalid:
    return Invalid(f"line {line}: {what}", place=f"line {line}")
