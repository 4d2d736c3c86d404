"""Named places where an effect can be made to fail, for the proof that a run survives it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

Hit = Callable[[str, bool], None]
"""Gets the name of the effect, and whether it is done (True) or about to be (False)."""

_hit: Hit | None = None
_NOTHING = nullcontext()


def failpoint(name: str) -> AbstractContextManager[None]:
    """Around one effect. Costs next to nothing unless a `Hit` is installed."""
    return _NOTHING if _hit is None else _around(name, _hit)


@contextmanager
def _around(name: str, hit: Hit) -> Iterator[None]:
    hit(name, False)
    yield
    hit(name, True)


def install(hit: Hit | None) -> None:
    """Call `hit` before and after every effect from now on; None: no more."""
    global _hit
    _hit = hit
