"""A circuit breaker for each backend: a server that keeps failing is left alone for a while."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.errors import (
    BackendDown,
    DeadlineExceeded,
    LLMDisabled,
    LLMError,
    MissingKey,
    Overloaded,
    UnknownRecording,
)
from app.llm.types import BackendName

FAILURES = 5
"""So many in a row open the circuit."""
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0
"""The pause doubles with each try that fails, up to here."""

_FAULTS = (BackendDown, Overloaded, DeadlineExceeded)
_NEVER_SENT = (MissingKey, UnsupportedSchema, LLMDisabled, UnknownRecording)
"""They say nothing about the server. Any other error is an answer of a server that works."""

Position = Literal["closed", "open", "half_open"]
"""Half open: the pause is over, and one call tries."""


class CircuitOpen(BackendDown):
    """The backend is left alone for now; nothing was sent and nothing is owed.

    Its code is that of a backend that is down: whatever is to happen then, such as the next step of a
    cascade, happens now too. Asking again at once is of no use.
    """

    retryable = False


@dataclass(frozen=True)
class Circuit:
    """How a backend stands in this process; ages and waits in seconds."""

    position: Position = "closed"
    failures: int = 0
    """Faults of the server in a row."""
    open_for_s: float | None = None
    next_try_s: float | None = None
    """Until then nobody asks; 0: the next call tries."""
    last_error: str | None = None
    """None: no fault since the last answer."""


@dataclass
class _Breaker:
    failures: int = 0
    last_error: str = ""
    opened_at: float | None = None
    """None: closed."""
    pause_s: float = 0.0
    try_at: float = 0.0
    trying: bool = False


class Circuits:
    """The breakers of one process. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._breakers: defaultdict[BackendName, _Breaker] = defaultdict(_Breaker)

    def check(self, backend: BackendName) -> None:
        """Raises `CircuitOpen` while the backend is to be left alone. It lets nobody try."""
        breaker, now = self._breakers.get(backend), self._clock()
        if breaker is not None and breaker.opened_at is not None and now < breaker.try_at:
            raise CircuitOpen(_words(backend, breaker, now), retry_after_s=breaker.try_at - now)

    def guard(self, backend: BackendName) -> None:
        """What is done right before a call: raises as `check` does.

        After the pause one call is let through, and another only when that one has taken a pause without
        a report: a call that was cancelled must not keep the circuit open for ever.
        """
        self.check(backend)
        breaker = self._breakers.get(backend)
        if breaker is not None and breaker.opened_at is not None:
            breaker.trying = True
            breaker.try_at = self._clock() + breaker.pause_s

    def succeeded(self, backend: BackendName) -> None:
        """The server answered."""
        self._breakers.pop(backend, None)

    def failed(self, backend: BackendName, error: LLMError) -> None:
        """The call ended in this error. A refusal is an answer too: it closes the circuit."""
        if isinstance(error, (*_NEVER_SENT, CircuitOpen)):
            return
        if not isinstance(error, _FAULTS):
            self.succeeded(backend)
            return
        breaker = self._breakers[backend]
        breaker.failures += 1
        breaker.last_error = error.message
        if breaker.opened_at is None and breaker.failures >= FAILURES:
            breaker.opened_at = self._clock()
            self._pause(breaker, FIRST_PAUSE_S)
        elif breaker.trying:  # calls that began before the circuit opened must not lengthen the pause
            self._pause(breaker, min(2 * breaker.pause_s, LONGEST_PAUSE_S))

    def state(self, backend: BackendName) -> Circuit:
        breaker, now = self._breakers.get(backend), self._clock()
        if breaker is None:
            return Circuit()
        if breaker.opened_at is None:
            return Circuit(failures=breaker.failures, last_error=breaker.last_error or None)
        left = max(0.0, breaker.try_at - now)
        return Circuit(
            "half_open" if breaker.trying or not left else "open",
            breaker.failures,
            now - breaker.opened_at,
            left,
            breaker.last_error,
        )

    def _pause(self, breaker: _Breaker, seconds: float) -> None:
        breaker.trying = False
        breaker.pause_s = seconds
        breaker.try_at = self._clock() + seconds


def _words(backend: BackendName, breaker: _Breaker, now: float) -> str:
    assert breaker.opened_at is not None  # noqa: S101 - it is open
    return (
        f"{backend} is left alone: it has failed {breaker.failures} times in a row, and not answered for "
        f"{now - breaker.opened_at:.0f} s since. It is tried again in {breaker.try_at - now:.0f} s. "
        f"Last error: {breaker.last_error}"
    )
