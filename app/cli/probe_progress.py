"""How a probe goes: a bar on a terminal, a line for each mode in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.output import safe, say
from app.llm.probing.prober import Step
from app.llm.types import Mode, Profile


class ProbeProgress:
    """`with ProbeProgress(console, profile) as progress`, then `progress.update(step)` before each call."""

    def __init__(self, console: Console, profile: Profile) -> None:
        self._console = console
        self._profile = profile
        self._told: tuple[Mode, str] | None = None
        live = console.is_terminal and not console.is_dumb_terminal
        self._bar = _bar(console) if live else None
        self._task = (
            self._bar.add_task("", total=None, text=f"{safe(profile.name)}  first answer")
            if self._bar
            else None
        )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, step: Step) -> None:
        call = step.call
        mode = (call.mode, "off" if call.profile.think == "off" else "on")
        words = f"{safe(self._profile.name)}  {mode[0]}, think {mode[1]}"
        if self._bar and self._task is not None:
            text = f"{words}: {call.key.item}"
            self._bar.update(self._task, total=step.of, completed=step.number, text=text)
        elif mode != self._told:
            self._told = mode
            say(self._console, f"{words}: call {step.number + 1} of {step.of}")


def _bar(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        refresh_per_second=8,
    )
