"""What every worker looks after beside its runs, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.db import is_cancelled
from app.queue.outage import LOST, Outage

log = logging.getLogger(__name__)

BREATH_S = 0.05
"""Between two turns of a chore, however much there is to hurry for."""
AFTER_LOSS_S = 1.0
"""A turn that a lost database ended is made again so soon, at the latest."""


@dataclass(frozen=True)
class Chore:
    """What every worker looks after beside its runs. Any number of workers may do it at once."""

    name: str
    every_s: float | Callable[[], float]
    """Asked after each turn, where it depends on what the turn found."""
    do: Callable[[], Awaitable[object]]
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: do it now."""


async def look_after(chore: Chore, outage: Outage) -> None:
    """Until cancelled. What goes wrong is said, and does not end it."""
    while not is_cancelled():
        rest_s = await _turn(chore, outage)
        await asyncio.sleep(BREATH_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(chore.hurry.wait(), rest_s)
        chore.hurry.clear()


async def _turn(chore: Chore, outage: Outage) -> float:
    """Returns after how many seconds the next one is due."""
    longest_s = math.inf
    try:
        await chore.do()
        outage.back(chore.name)
    except LOST as error:
        outage.lost(chore.name, error)
        longest_s = AFTER_LOSS_S
    except Exception:
        log.exception("the chore %r went wrong", chore.name)
    return min(chore.every_s() if callable(chore.every_s) else chore.every_s, longest_s)
