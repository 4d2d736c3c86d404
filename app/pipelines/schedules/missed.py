"""Which of the ticks that are due start a run, and which are only written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from app.pipelines.schedules.cron import Cron
from app.tables import Missed

GRACE = timedelta(seconds=60)
"""A tick that is older than this when a worker sees it was missed."""
MOST = 100
"""Ticks that one look deals with; of more than these the oldest are left out, and the schedule says so."""


@dataclass(frozen=True)
class Due:
    """The ticks from the first that nobody has looked at until now, oldest first."""

    run: tuple[datetime, ...]
    skip: tuple[datetime, ...]
    left_out: datetime | None
    """Ticks before this one were too many; None: there were no others."""


def due(cron: Cron, policy: Missed, since: datetime, now: datetime) -> Due:
    """Every tick from `since` to `now` is in exactly one part of the answer."""
    found = cron.newest(since, now, MOST + 1)
    ticks = tuple(reversed(found[:MOST]))
    run = _to_run(policy, ticks, now)
    return Due(
        run=run,
        skip=tuple(tick for tick in ticks if tick not in run),
        left_out=ticks[0] if len(found) > MOST else None,
    )


def _to_run(policy: Missed, ticks: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    on_time = tuple(tick for tick in ticks if now - tick <= GRACE)
    match policy:
        case Missed.SKIP:
            return on_time
        case Missed.ONCE:
            return on_time or ticks[-1:]
        case Missed.ALL:
            return ticks
        case _:
            assert_never(policy)
