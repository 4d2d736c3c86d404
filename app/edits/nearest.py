"""Where a search text that is not found nearly stands: line numbers and a short diff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff

MAX_LINES = 50_000
"""Lines of a file that are looked through."""
MAX_SEARCH = 200
"""Lines of a search text that are compared."""
COMMON = 50
"""A line that stands in the file so often says nothing about the place."""
PLACES = 8
"""Places that are compared in full."""
LEAST = 0.4
"""Likeness, from 0 to 1, below which nothing is shown."""
COMPARED = 100
"""Characters of two lines that are compared, without their indents."""
DIFF_LINES = 16
DIFF_WIDTH = 160


def nearest(text: str, search: str) -> str:
    """The likeliest place, as a model is told of it: what differs between the search and the file."""
    lines = _split(text)[:MAX_LINES]
    wanted = _split(search)[:MAX_SEARCH]
    scored = [(_likeness(wanted, lines, start), -start) for start in _starts(wanted, lines)]
    best, place = max(scored, default=(0.0, 0))
    if best < LEAST:
        return "nothing in the file is like it"
    start = -place
    found = lines[start : start + len(wanted)]
    return f"nearest are the lines {start + 1} to {start + len(found)} (-: your search, +: the file):\n" + (
        _diff(wanted, found)
    )


def _starts(wanted: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Places where most lines agree but for spaces; without any, where the longest line nearly stands."""
    stands: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        stands.setdefault(_bare(line), []).append(number)
    votes: Counter[int] = Counter()
    for offset, line in enumerate(wanted):
        places = stands.get(_bare(line), []) if line.strip() else []
        if len(places) <= COMMON:
            votes.update(max(0, place - offset) for place in places)
    if not votes:
        votes.update(_like_longest(wanted, lines))
    return [start for start, _ in votes.most_common(PLACES)]


def _like_longest(wanted: Sequence[str], lines: Sequence[str]) -> list[int]:
    if not wanted:
        return []
    offset, longest = max(enumerate(wanted), key=lambda pair: len(pair[1].strip()))
    matcher = SequenceMatcher(b=longest.strip()[:DIFF_WIDTH], autojunk=False)
    scores = []
    for number, line in enumerate(lines):
        matcher.set_seq1(line.strip()[:DIFF_WIDTH])
        # the cheap bounds come first: most lines are nothing like it
        if matcher.real_quick_ratio() >= LEAST and matcher.quick_ratio() >= LEAST:
            scores.append((matcher.quick_ratio(), -number))
    best = sorted(scores, reverse=True)[:PLACES]
    return [max(0, -number - offset) for _, number in best]


def _likeness(wanted: Sequence[str], lines: Sequence[str], start: int) -> float:
    """Mean over the lines, 1 where one differs in nothing but its spaces."""
    found = lines[start : start + len(wanted)]
    pairs = [(_bare(mine), _bare(theirs)) for mine, theirs in zip(wanted, found, strict=False)]
    return sum(1.0 if a == b else _ratio(a, b) for a, b in pairs) / max(len(wanted), 1)


def _ratio(one: str, other: str) -> float:
    """Takes the square of the length where a line repeats one letter."""
    return SequenceMatcher(None, one[:COMPARED], other[:COMPARED], autojunk=False).ratio()


def _diff(wanted: Sequence[str], found: Sequence[str]) -> str:
    lines = [line for line in unified_diff(wanted, found, n=1, lineterm="")][3:]
    shown = [line[:DIFF_WIDTH] for line in lines if not line.startswith("@@")]
    cut = shown[:DIFF_LINES]
    if len(shown) > len(cut):
        cut.append(f"… {len(shown) - len(cut)} more lines")
    if not cut:  # the lines agree, their ends do not
        return "only the line ends differ"
    return "\n".join(cut)


def _split(text: str) -> list[str]:
    """Lines as an editor counts them."""
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]


def _bare(line: str) -> str:
    return " ".join(line.split())[:400]
