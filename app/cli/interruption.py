"""Signals: the first asks nicely, the second ends at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signal(first: Callable[[], None]) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM calls `first`; the second cancels the current task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen = 0

    def handle() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            first()
        elif task is not None:
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
