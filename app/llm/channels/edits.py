"""Search and replace in a text: every search must be found exactly once, and the line ends stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

SEARCH = "<<<<<<< SEARCH"
DIVIDER = "======="
REPLACE = ">>>>>>> REPLACE"
MAX_EDITS = 200
"""Edits of one file."""
MAX_CHARS = 2 * 1024 * 1024
"""Longest text that edits may make."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LONE_LF = re.compile(r"(?<!\r)\n")


class BadEdit(ValueError):
    """`str()` of it is one short line."""


@dataclass(frozen=True)
class Edit:
    search: str
    replace: str


def read_edits(body: str) -> list[Edit]:
    """The edits in a block. Raises `BadEdit` for anything that is not a complete edit."""
    found: list[Edit] = []
    parts: list[list[str]] = []
    for line in _LINE.findall(body):
        mark = line.rstrip("\r\n")
        if mark == SEARCH and not parts:
            parts = [[]]
        elif mark == DIVIDER and len(parts) == 1:
            parts.append([])
        elif mark == REPLACE and len(parts) == 2:
            found.append(Edit("".join(parts[0]), "".join(parts[1])))
            parts = []
        elif mark in (SEARCH, DIVIDER, REPLACE):
            raise BadEdit(f"edit {len(found) + 1}: {mark!r} stands where it can not; give the whole file")
        elif parts:
            parts[-1].append(line)
        elif mark.strip():
            raise BadEdit(f"edit {len(found) + 1}: text outside {SEARCH!r} and {REPLACE!r}")
    if parts:
        raise BadEdit(f"edit {len(found) + 1} is not complete")
    if not 0 < len(found) <= MAX_EDITS:
        raise BadEdit(f"{len(found)} edits; a block holds 1 to {MAX_EDITS}")
    return found


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text with every edit, each found in the text as it was. Raises `BadEdit`.

    Whole lines are compared. A text whose lines all end with CRLF keeps that although the edit has
    plain line breaks, and a last line without a break stays one.
    """
    crlf = "\r\n" in text and not _LONE_LF.search(text)
    added = "" if text.endswith("\n") else "\r\n" if crlf else "\n"
    whole = text + added
    spans = sorted(_span(whole, edit, number, crlf) for number, edit in enumerate(edits, 1))
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise BadEdit("two edits change the same lines")
    found, position = [], 0
    for start, end, new in spans:
        found += [whole[position:start], new]
        position = end
    edited = "".join([*found, whole[position:]])
    if len(edited) > MAX_CHARS:
        raise BadEdit(f"the edited file would have {len(edited):,} characters; at most {MAX_CHARS:,}")
    return edited.removesuffix(added)


def _span(whole: str, edit: Edit, number: int, crlf: bool) -> tuple[int, int, str]:
    search, new = (_LONE_LF.sub("\r\n", one) if crlf else one for one in (edit.search, edit.replace))
    if not search:
        raise BadEdit(f"edit {number}: the search text is empty; give the whole file")
    places = _places(whole, search)
    if len(places) != 1:
        raise BadEdit(f"edit {number}: the search text is found {len(places)} times, not once")
    return places[0], places[0] + len(search), new


def _places(whole: str, search: str) -> list[int]:
    """Where the lines stand, overlapping finds included."""
    found, at = [], whole.find(search)
    while at >= 0:
        if at == 0 or whole[at - 1] == "\n":
            found.append(at)
        at = whole.find(search, at + 1)
    return found
