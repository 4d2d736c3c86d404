"""How a batch goes: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.output import say
from app.tables import Batch

WINDOW_S = 30.0
"""The rate is that of this time: long enough to be calm, short enough to show a change."""
TOLD_EVERY_S = 10.0
"""Between two lines in a pipe."""


class Pace:
    """Items per second over the last seconds, from counts given as they are seen."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, done: int) -> None:
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()

    @property
    def per_s(self) -> float:
        """0 while nothing is known."""
        if len(self._seen) < 2:
            return 0.0
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return max(0, after - before) / (end - start) if end > start else 0.0

    def left_s(self, batch: Batch) -> float | None:
        """Seconds to the end at this rate; None: nobody knows."""
        return (batch.total - done(batch)) / self.per_s if self.per_s else None


class BatchProgress:
    """`with BatchProgress(console, batch) as progress: progress.update(batch)`, now and then."""

    def __init__(self, console: Console, batch: Batch, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace(clock)
        self._told: float | None = None
        live = console.is_terminal and not console.is_dumb_terminal
        self._bar = _bar(console) if live else None
        self._task = self._bar.add_task("", total=batch.total, text="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, batch: Batch) -> None:
        self._pace.see(done(batch))
        text = standing(batch, self._pace)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done(batch), text=text)
        elif self._told is None or self._clock() >= self._told + TOLD_EVERY_S:
            self._told = self._clock()
            say(self._console, text)


def done(batch: Batch) -> int:
    """Items that have ended."""
    return batch.succeeded + batch.dead + batch.cancelled


def standing(batch: Batch, pace: Pace) -> str:
    """`412 / 1,000  3 dead  8 running  38.2/s  left 0:15  $0.0123`."""
    left = pace.left_s(batch)
    parts = [
        f"{done(batch):,} / {batch.total:,}",
        f"{batch.dead:,} dead",
        f"{batch.running:,} running",
        _rate(pace.per_s),
        f"left {clock_time(left)}" if left is not None else "left -:--",
        f"${batch.spent_usd:.4f}",
    ]
    return "  ".join([*parts, batch.state] if batch.state != "open" else parts)


def clock_time(seconds: float) -> str:
    """`0:15`, `12:03`, `3:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _rate(per_s: float) -> str:
    """By the minute where a second is too short."""
    return f"{per_s:.1f}/s" if per_s >= 1 or not per_s else f"{60 * per_s:.1f}/min"


def _bar(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        refresh_per_second=8,
    )
