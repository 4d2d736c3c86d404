"""Tokens that were refused, counted by the address they came from; in this process, for the last minute."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from app.api.problems import Answered

MOST = 10
"""Guesses of one address in `WINDOW_S` that are told what is wrong with them."""
WINDOW_S = 60.0
ADDRESSES = 10_000
"""Of more the one that was quiet the longest is forgotten."""


class Guesses:
    """Only what was refused anyway is slowed down: a token that is valid passes whoever else guesses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Note a refused token. Raises `Answered` (429) when the address has had its guesses."""
        now = self._clock()
        times = self._seen.setdefault(address, deque(maxlen=MOST))
        self._seen.move_to_end(address)
        if len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)
        full = len(times) == MOST and now - times[0] < WINDOW_S
        times.append(now)
        if full:
            raise Answered(
                429, "too_many_guesses", f"more than {MOST} tokens of this address were refused in a minute"
            )
