"""Which failures of an item are worth another attempt, and after how long: a pure table and a formula."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """How a class of errors is tried again."""

    base_s: float
    """Longest pause before the second attempt; it doubles with each further one."""
    cap_s: float = 300.0
    most: int | None = None
    """Attempts in all, where the class allows fewer than the batch. None: as many as the batch allows."""

    def ceiling_s(self, attempts: int) -> float:
        """The longest pause after so many attempts."""
        return min(self.cap_s, self.base_s * 2.0 ** (attempts - 1))


OUTAGE = Backoff(base_s=2.0)
"""Somebody else's fault that passes."""
RATE = Backoff(base_s=10.0)
"""The server wants us to be slower."""
CHANCE = Backoff(base_s=1.0, most=2)
"""Another draw may go well; a third is money thrown after bad."""

RETRYABLE: Mapping[str, Backoff] = {
    "backend_down": OUTAGE,
    "reply_lost": OUTAGE,
    "deadline_exceeded": OUTAGE,
    "unavailable": OUTAGE,
    "branch_locked": OUTAGE,
    "too_many_attempts": OUTAGE,
    "overloaded": RATE,
    "rate_limited": RATE,
    "limit_wait_exceeded": RATE,
    "invalid_answer": CHANCE,
    "truncated": CHANCE,
    "loop_detected": CHANCE,
    "internal": CHANCE,
}
"""By the code of the error. A code that is not here fails the same way again: it is not retried."""

Draw = Callable[[float], float]
"""Picks the pause below its ceiling, both in seconds."""


def full_jitter(ceiling_s: float) -> float:
    """Anything from none to all of it, so that items that failed together do not come back together."""
    return random.uniform(0.0, ceiling_s)  # noqa: S311 - no secret hangs on it


def pause_s(
    code: str | None, attempts: int, max_attempts: int, draw: Draw = full_jitter, asked_s: float = 0.0
) -> float | None:
    """After how many seconds the item is tried again; None: it is dead.

    `attempts` counts those that were made, the failed one included. `asked_s` is what the server said in
    `Retry-After`: the pause comes on top of it, so that not all items come back in that moment.
    """
    backoff = RETRYABLE.get(code or "")
    if backoff is None:
        return None
    most = max_attempts if backoff.most is None else min(max_attempts, backoff.most)
    if attempts >= most:
        return None
    return min(max(asked_s, 0.0), backoff.cap_s) + draw(backoff.ceiling_s(attempts))
