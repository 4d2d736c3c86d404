"""Named places where an effect can be made to fail, for the proof that a run survives it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Hit = Callable[[str, bool], None]
"""Gets the name of the effect, and whether it is done (True) or about to be (False)."""

_hit: Hit | None = None


@contextmanager
def failpoint(name: str) -> Iterator[None]:
    """Around one effect. Costs nothing unless a `Hit` is installed."""
    if _hit is not None:
        _hit(name, False)
    yield
    if _hit is not None:
        _hit(name, True)


def install(hit: Hit | None) -> None:
    """Call `hit` before and after every effect from now on; None: no more."""
    global _hit
    _hit = hit
