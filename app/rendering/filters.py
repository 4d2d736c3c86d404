"""The filters of our own: text from a model can not break the Markdown or the JSON around it."""

from __future__ import annotations

import json
import re
from typing import Any

from jinja2.exceptions import FilterArgumentError

MAX_INDENT = 16
MAX_REPLACED = 1024 * 1024
INVISIBLE = re.compile(  # control characters, and those that change the direction of text
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_SPACE = re.compile(r"\s+")
_SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|(?<= )#(?=#*$)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_START = re.compile(r"(?:(?P<mark>[#>=+-])|(?P<number>\d+)(?P<dot>[.)]))")
_BACKTICKS = re.compile(r"`+")
_HEADING = re.compile(r"^(#{1,6})(?= )", re.MULTILINE)


def md(value: object) -> str:
    """Inline Markdown text on one line that reads exactly as given: no markup, HTML, link or image."""
    text = _one_line(value)
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;")
    return _START.sub(_escape_start, text, count=1) if _START.match(text) else text


def code(value: object) -> str:
    """A code span, with as many backticks around it as the text needs."""
    text = _one_line(value)
    if not text:
        return ""
    ticks = "`" * _free_run(text, 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(value: object, language: str = "") -> str:
    """A code block, with a fence longer than any run of backticks in the text."""
    text = "\n".join(INVISIBLE.sub("", line) for line in str(value).splitlines())
    ticks = "`" * _free_run(text, 3)
    name = "".join(re.findall(r"[\w+#.-]", language))
    return f"{ticks}{name}\n{text}\n{ticks}"


def deeper(text: str, levels: int = 1) -> str:
    """Markdown with its headings moved down, to stand inside another document."""
    return _HEADING.sub(lambda match: "#" * min(6, len(match[1]) + levels), text)


def tojson(value: Any, indent: int | None = None) -> str:
    """JSON that can not close a tag around it: `</` is written `<\\/`, the same value."""
    separators = (",", ": ") if indent else (",", ":")
    width = _small(indent, "indent") if indent else None
    return json.dumps(value, ensure_ascii=False, indent=width, separators=separators).replace("</", "<\\/")


def indent(text: str, width: int = 4, first: bool = False) -> str:
    """Spaces before each line that is not empty; before the first only if asked."""
    space = " " * _small(width, "indent")
    lines = [space + line if line.strip() else line for line in str(text).split("\n")]
    joined = "\n".join(lines)
    return joined if first else joined.removeprefix(space)


def replace(text: str, old: str, new: str) -> str:
    """Every `old` becomes `new`, up to a size."""
    text = str(text)
    if len(text) + text.count(old) * len(new) > MAX_REPLACED:
        raise FilterArgumentError("replace would make the text too large")
    return text.replace(old, new)


def _one_line(value: object) -> str:
    return " ".join(INVISIBLE.sub("", _SPACE.sub(" ", str(value))).split())


def _small(width: Any, name: str) -> int:
    if not isinstance(width, int) or not 0 <= width <= MAX_INDENT:
        raise FilterArgumentError(f"{name} takes a width of 0 to {MAX_INDENT}")
    return width


def _escape_start(match: re.Match[str]) -> str:
    """At the start of a line these make a heading, a list, a quote or a rule."""
    return f"\\{match['mark']}" if match["mark"] else f"{match['number']}\\{match['dot']}"


def _free_run(text: str, least: int) -> int:
    """The length of the shortest run of backticks, from `least` on, that the text does not hold."""
    return max([least, *(len(run) + 1 for run in _BACKTICKS.findall(text))])
