"""Live progress: each phase run is printed once it has ended; on a terminal the one at work is shown too."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from app.cli.lines import columns, duration, finished
from app.cli.output import emit, line, one_line
from app.cli.telling import told
from app.cli.view import PhaseView, RunView
from app.tables import Event, Outcome

HEARTBEAT_S = 30
"""How often a phase that takes long is mentioned where nothing can move."""


class Progress:
    """`with Progress(console) as progress: progress.update(view, events)`, as often as anything changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: set[int] = set()
        self._work: _AtWork | None = None
        live = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True, refresh_per_second=8) if live else None

    def __enter__(self) -> Self:
        titles = line(("  phase      round    outcome      time  tokens in → out", "dim"))
        self._console.print(titles)
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.update(Text(""))
            self._live.stop()

    def skip(self, view: RunView) -> None:
        """What ended before is not printed again."""
        self._printed |= {phase.row.id for phase in view.phases if phase.seconds is not None}

    def update(self, view: RunView, events: Iterable[Event]) -> None:
        # first, so that no line is seen both at work and ended
        self._now(next((p for p in view.phases if p.row.outcome == Outcome.RUNNING), None))
        for event in events:
            self._tell(event)
        for phase in view.phases:
            if phase.seconds is not None and phase.row.id not in self._printed:
                self._printed.add(phase.row.id)
                self._show(view, phase)

    def _show(self, view: RunView, phase: PhaseView) -> None:
        for part in finished(view, phase):
            emit(self._console, part)

    def _tell(self, event: Event) -> None:
        if event.kind == "output":
            self._heard(event)
        if parts := told(event):
            self._console.print(line("    ", *parts))

    def _heard(self, event: Event) -> None:
        """Only the line that moves shows it; the end of the output is in the results."""
        if self._work:
            lines = str(event.data.get("text", "")).splitlines()
            self._work.said = one_line(lines[-1], 200) if lines else ""

    def _now(self, phase: PhaseView | None) -> None:
        if phase is None:
            self._work = None
        elif self._work is None or self._work.phase.row.id != phase.row.id:
            self._work = _AtWork(phase)
        if self._live:
            self._live.update(self._work or Text(""))
        elif self._work:
            self._beat(self._work)

    def _beat(self, work: _AtWork) -> None:
        if work.seconds >= work.mentioned + HEARTBEAT_S:
            work.mentioned = work.seconds
            said = f": {work.said}" if work.said else ""
            text = f"  {work.phase.row.phase}: at work for {duration(work.seconds)}{said}"
            self._console.print(line(text), soft_wrap=True)


class _AtWork:
    """The line that moves."""

    def __init__(self, phase: PhaseView) -> None:
        self.phase = phase
        self.mentioned = 0.0
        self.said = ""
        """What the command of the phase said last."""
        self._since = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        row = self.phase.row
        outcome = Text("at work", style="cyan")
        yield columns(
            self._spinner, row.phase, row.round, outcome, self.seconds, "", self.said or self._asked()
        )

    def _asked(self) -> str:
        """Who is asked, while a model is at work."""
        profile = self.phase.spec.profile
        if profile is None:
            return ""
        return "replaying the recording" if profile.backend == "recorded" else f"asking {profile.model}"
