"""Abuse case 67: whatever a text holds, the log has one line of it."""

from __future__ import annotations

import json
import logging

import pytest

from app.logs import JsonFormatter

HOSTILE = [
    'a\n{"level":"info"}',
    "a\r\nb",
    "\x1b[2J",
    "\u2028",
    "\x00",
    "\u202egpj.exe",
    "\x85",
    '"}\n{"',
    "\ud800",
]


@pytest.mark.abuse(66, 67)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_record_is_one_line_of_plain_characters(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        record = logging.LogRecord(
            f"app.{text}", logging.ERROR, "", 0, "%s", (text,), (ValueError, error, None)
        )
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["event"] == text
