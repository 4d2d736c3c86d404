"""Edits of one text: every search must be found exactly once, and the line ends stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.edits.nearest import nearest

MAX_CHARS = 2 * 1024 * 1024
"""Longest text that edits may make."""
LINES_SHOWN = 10
"""Places of a search text that is found more than once."""
MOST_COUNTED = 1_000
"""Places that are looked for: one after the other, each costs the length of the search text."""

_LONE_LF = re.compile(r"(?<!\r)\n")


class BadEdit(ValueError):
    """`str()` of it is told to a model; only a nearest match takes more than one line."""


@dataclass(frozen=True)
class Edit:
    """Whole lines as they are, and as they shall be. The last line break of either may be missing."""

    search: str
    replace: str


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text with every edit, each found in the text as it was. Raises `BadEdit`.

    Whole lines are compared. A text whose lines all end with CRLF keeps that although the edit has
    plain line breaks, and a last line without a break stays one. Computes: with a long text, call it in a
    thread.
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
    search, new = (_lines(one, crlf) for one in (edit.search, edit.replace))
    if not search.strip("\r\n"):
        raise BadEdit(f"edit {number}: the search text is empty; give the whole file")
    places = _places(whole, search)
    if not places:
        near = nearest(whole, search)
        raise BadEdit(f"edit {number}: the search text is found 0 times, not once; {near}")
    if len(places) > 1:
        raise BadEdit(
            f"edit {number}: the search text is found {_times(places)} times, not once: at the lines "
            f"{_numbers(whole, places)}; give more lines around it"
        )
    return places[0], places[0] + len(search), new


def _lines(text: str, crlf: bool) -> str:
    """Complete lines, with the line ends of the file."""
    text = text if not text or text.endswith("\n") else text + "\n"
    return _LONE_LF.sub("\r\n", text) if crlf else text


def _places(whole: str, search: str) -> list[int]:
    """Where the lines stand, overlapping finds included."""
    found = [0] if whole.startswith(search) else []
    line = "\n" + search
    at = whole.find(line)
    while at >= 0 and len(found) <= MOST_COUNTED:
        found.append(at + 1)
        at = whole.find(line, at + 1)
    return found


def _times(places: Sequence[int]) -> str:
    return f"{len(places):,}" if len(places) <= MOST_COUNTED else f"more than {MOST_COUNTED:,}"


def _numbers(whole: str, places: Sequence[int]) -> str:
    shown = [str(whole.count("\n", 0, place) + 1) for place in places[:LINES_SHOWN]]
    return ", ".join(shown) + (", …" if len(places) > LINES_SHOWN else "")
