"""Tells when a text that is still being written only repeats itself."""

from __future__ import annotations

STRETCH = 4_000
"""Characters: so much of nothing but one repeated block is a loop, about 1,000 tokens."""
BLOCK = 1_000
"""Characters of the longest block; so a loop is at least four times the same."""
_STEP = 500
"""Characters between two looks; with it the work stays linear."""
_NEEDLE = 32
"""Characters whose next occurrence proposes a length of the block."""


class Repetition:
    """Fed with the pieces of a text as they come.

    A loop is a tail of `STRETCH` characters that is one block of at most `BLOCK` again and again: a word, a
    line, an item of a list, white space. A counter in each item makes the items differ, and is no loop.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._new = 0

    def feed(self, piece: str) -> bool:
        """Add the next piece. True: the text repeats itself."""
        for place in range(0, len(piece), _STEP):
            part = piece[place : place + _STEP]
            self._tail = (self._tail + part)[-STRETCH:]
            self._new += len(part)
            if self._new >= _STEP:
                self._new = 0
                if len(self._tail) == STRETCH and _period(self._tail):
                    return True
        return False


def _period(text: str) -> int:
    """Length of the block that the text repeats from its first to its last character; 0: none."""
    needle = text[:_NEEDLE]
    place = text.find(needle, 1, BLOCK + _NEEDLE)
    while place > 0:
        if text.startswith(text[place:]):
            return place
        place = text.find(needle, place + 1, BLOCK + _NEEDLE)
    return 0
