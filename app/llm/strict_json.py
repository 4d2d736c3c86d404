"""Reads JSON without the standard library's indulgence: what two readers could take two ways is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from app.llm.types import JSON

MAX_CHARS = 4_000_000
"""Longest text that is read at all."""
MAX_DEPTH = 64
"""Deepest nesting of objects and lists; checked before parsing, which recurses."""
MAX_DIGITS = 300
"""Longest integer; every JSON reader and Postgres take this many."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class BadJSON(ValueError):
    """The text is not strict JSON; `str()` of it is one short line."""


def loads(text: str) -> JSON:
    """The value that the whole text holds. Raises `BadJSON`."""
    value, end = decode(text, len(text) - len(text.lstrip(" \t\r\n")))
    rest = text[end:].strip(" \t\r\n")
    if rest:
        raise BadJSON(f"{_place(text, end)}: more text after the value")
    return value


def decode(text: str, start: int) -> tuple[JSON, int]:
    """The value that begins at `start`, and where it ends. Raises `BadJSON`."""
    _check_size(text)
    _check_depth(text, start)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as fault:
        raise BadJSON(f"{_place(text, fault.pos)}: {fault.msg}") from None
    if "\\u" in text[start:end]:
        _check_escapes(value)
    return value, end


def _check_size(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise BadJSON(f"{len(text):,} characters; at most {MAX_CHARS:,} are read")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadJSON("a lone surrogate is not valid Unicode") from None


def _check_depth(text: str, start: int) -> None:
    if text.count("{", start) + text.count("[", start) <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        if depth > MAX_DEPTH:
            raise BadJSON(f"nested deeper than {MAX_DEPTH} levels")
        if depth <= 0:
            return


def _check_escapes(value: JSON) -> None:
    r"""Refuse \u0000 and lone surrogates: neither UTF-8 nor Postgres can hold them."""
    if isinstance(value, str):
        if "\0" in value:
            raise BadJSON(r"the character \u0000 is not allowed")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadJSON("a lone surrogate is not valid Unicode") from None
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_escapes(name)
            _check_escapes(item)
    elif isinstance(value, list):
        for item in value:
            _check_escapes(item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadJSON(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJSON(f"the number {digits[:40]} is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadJSON(f"a number of {len(digits):,} digits is too long")
    return int(digits)


def _constant(name: str) -> None:
    raise BadJSON(f"{name} is not JSON")


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line} column {column}"


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)
