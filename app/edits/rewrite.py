"""Tells a new version of a long file that should have been a few edits."""

from __future__ import annotations

from collections import Counter

KEPT = 0.5
"""Share of a file's lines; so many that stay make its repetition a waste, and a risk for them."""


def kept_share(before: str, after: str) -> float:
    """The share of the lines of `before` that `after` has too, wherever: from 0 to 1."""
    old, new = Counter(before.splitlines()), Counter(after.splitlines())
    total = old.total()
    return (old & new).total() / total if total else 0.0


def repeats(before: str, after: str, most_lines: int) -> bool:
    """Whether `after` repeats most of a file of more than `most_lines` lines."""
    return before.count("\n") > most_lines and kept_share(before, after) >= KEPT
