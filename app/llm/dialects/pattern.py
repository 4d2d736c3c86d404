"""Which regular expressions mean the same in every server's grammar."""

from __future__ import annotations

import re

MAX_CHARS = 200
MAX_TIMES = 100
"""Largest count in braces; large ones make a grammar too large to compile."""

_TOKEN = re.compile(
    r"""(?P<atom>[A-Za-z0-9 _/:@#%&=~;,!<>'-]
      | \\[\^$.\[\](){}|*+?]
      | \[(?:[A-Za-z0-9]-[A-Za-z0-9] | [A-Za-z0-9\ _./:@#%&=~;,!<>'+])+-?\])
      | (?P<times>[*+?] | \{\d+(?:,\d*)?\})
      | (?P<open>\() | (?P<close>\)) | (?P<either>\|)""",
    re.VERBOSE,
)
_RANGE = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])")
_ENDS = ("atom", "times", "close")
"""What may stand before the end of a sequence."""


def is_plain(pattern: str) -> bool:
    """Anchored on both sides, of plain characters, classes, groups, choices and counts.

    llama.cpp matches the raw JSON text: a dot or a negated class would let a bare quote through and
    break the answer, and it ignores `\\d`.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")) or len(pattern) > MAX_CHARS:
        return False
    position, end, depth, last = 1, len(pattern) - 1, 0, ""
    while position < end:
        token = _TOKEN.match(pattern, position, end)
        if token is None or not _fits(token, last, depth):
            return False
        last = token.lastgroup or ""
        depth += {"open": 1, "close": -1}.get(last, 0)
        position = token.end()
    return depth == 0 and last in _ENDS


def _fits(token: re.Match[str], last: str, depth: int) -> bool:
    match token.lastgroup:
        case "atom":
            return not token[0].startswith("[") or all(_rises(*pair) for pair in _RANGE.findall(token[0]))
        case "times":
            return last in ("atom", "close") and _counts(token[0])
        case "close" | "either":  # a choice outside a group would leave one side without its anchor
            return last in _ENDS and depth > 0
    return True


def _rises(first: str, last: str) -> bool:
    same = (first.isdigit(), first.isupper()) == (last.isdigit(), last.isupper())
    return same and first <= last


def _counts(times: str) -> bool:
    numbers = [int(digits[:9]) for digits in re.findall(r"\d+", times)]
    return all(number <= MAX_TIMES for number in numbers) and numbers == sorted(numbers)
