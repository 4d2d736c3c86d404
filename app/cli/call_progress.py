"""How a series of model calls goes: a bar on a terminal, a line for each group of calls in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.output import safe, say


class CallProgress:
    """`with CallProgress(console, first) as progress`, then `progress.show(…)` before each call."""

    def __init__(self, console: Console, first: str) -> None:
        """`first` is shown until the first call is made."""
        self._console = console
        self._told: str | None = None
        live = console.is_terminal and not console.is_dumb_terminal
        self._bar = _bar(console) if live else None
        self._task = self._bar.add_task("", total=None, text=safe(first)) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, group: str, item: str, number: int, of: int) -> None:
        """`number` counts from 0."""
        if self._bar and self._task is not None:
            text = f"{safe(group)}: {safe(item)}"
            self._bar.update(self._task, total=of, completed=number, text=text)
        elif group != self._told:
            self._told = group
            say(self._console, f"{group}: call {number + 1} of {of}")


def _bar(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        refresh_per_second=8,
    )
