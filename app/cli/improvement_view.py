"""How an improvement looks in a terminal: a line for each epic, and what is under way."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from app.cli.batch_ending import short
from app.cli.ending import bill_table
from app.cli.failures import Exit
from app.cli.invocation import command
from app.cli.lines import counted
from app.cli.output import Part, line, one_line, say, stderr
from app.cli.view import bill_json
from app.pipelines.improvements.standing import Standing
from app.tables import ItemState, Stop

ENDED = (ItemState.SUCCEEDED, ItemState.DEAD, ItemState.CANCELLED)
MARKS = {"succeeded": ("✓", "green"), "dead": ("✗", "red"), "cancelled": ("·", "dim")}
STYLES = {
    "open": "bold cyan",
    "paused": "bold yellow",
    "finished": "bold green",
    "stopped": "bold yellow",
    "cancelled": "bold yellow",
}
EPIC_CHARS = 60


class ImprovementProgress:
    """`with ImprovementProgress(console) as progress: progress.update(standing)`, now and then."""

    def __init__(self, console: Console, *, shown: bool = True) -> None:
        self._console = console
        self._shown = shown
        self._told: set[int] = set()
        live = shown and console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True, refresh_per_second=8) if live else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.update(Text(""))
            self._live.stop()

    def update(self, standing: Standing) -> None:
        if not self._shown:
            return
        for step in standing.steps:
            if step.state in ENDED and step.pipeline_id is not None and step.number not in self._told:
                self._told.add(step.number)
                _say_step(self._console, step)
        if self._live:
            self._live.update(Spinner("dots", text=line(under_way(standing))))


def under_way(standing: Standing) -> str:
    """`2 / 5  developer: Add a health check  $0.0123`."""
    batch = standing.batch
    done = batch.succeeded + batch.dead + batch.cancelled
    now = next((step for step in standing.steps if step.state == ItemState.RUNNING), None)
    what = f"{now.phase or now.run_state}: {one_line(now.epic, EPIC_CHARS)}" if now else "the next epic"
    return f"{done} / {batch.total}  {what}  ${standing.bill.cost_usd:.4f}"


def say_ordered(console: Console, standing: Standing, workers: int | None) -> None:
    """`workers`: how many are alive, where nobody else works on it."""
    row, batch = standing.improvement, standing.batch
    say(console, ("improvement ", "dim"), str(batch.id))
    say(console, ("goal        ", "dim"), one_line(row.goal, 100))
    say(
        console,
        ("project     ", "dim"),
        f"{standing.project or 'none'} at {(batch.base_commit or 'none')[:12]}",
    )
    say(console, ("stops       ", "dim"), "; ".join(conditions(standing)))
    if row.estimated_tokens is not None:
        usd = f", ${row.estimated_usd:.4f}" if row.estimated_usd is not None else ", at an unknown price"
        say(console, ("an epic     ", "dim"), f"about {row.estimated_tokens:,} tokens{usd} (estimated)")
    if workers == 0:
        say(console, "no worker is alive; work on it here: ", _resume(standing))


def conditions(standing: Standing) -> Iterator[str]:
    row = standing.improvement
    yield f"after {counted(standing.batch.total, 'epic')}"
    if row.max_usd is not None:
        yield f"at ${row.max_usd:.2f}"
    if row.max_tokens is not None:
        yield f"at {row.max_tokens:,} tokens"
    yield f"after {counted(row.max_failures, 'failure')} in a row"


def say_left(standing: Standing) -> Exit:
    say(stderr(), ("left the improvement ", "yellow"), "as it is; go on with it:")
    say(stderr(), _resume(standing), indent=2)
    return Exit.CANCELLED


def say_steps(console: Console, standing: Standing) -> None:
    for step in standing.steps:
        _say_step(console, step)


def say_ending(console: Console, standing: Standing) -> None:
    """How it ended, what it cost, and where the commits are."""
    batch, state = standing.batch, standing.state
    console.print()
    told = [
        (batch.succeeded, "green"),
        (batch.dead, "red"),
        (batch.cancelled, "not done"),
        (batch.pending, "to do"),
    ]
    counts = ", ".join(f"{number} {word}" for number, word in told if number)
    say(
        console,
        (state, STYLES[state]),
        f": {counts or 'nothing yet'} of {counted(batch.total, 'epic')}",
        why(standing),
    )
    if standing.bill.calls:
        bill_table(console, "", [], standing.bill, indent=2)
    branch = next((step.branch for step in reversed(standing.steps) if step.branch), None)
    if branch is not None:
        say(console, ("all of it   ", "dim"), f"git merge {branch}")
    if state in ("open", "paused"):
        say(console, ("go on with it", "dim"), indent=2)
        say(console, _resume(standing), indent=4)


def why(standing: Standing) -> str:
    """Why it stopped, for the end of a line."""
    row = standing.improvement
    match row.stopped:
        case None:
            return ""
        case Stop.FAILURES:
            return f"; stopped after {counted(row.max_failures, 'failure')} in a row"
        case Stop.BUDGET_USD:
            return f"; stopped by its budget of ${row.max_usd:.2f}"
        case _:
            return f"; stopped by its budget of {row.max_tokens:,} tokens"


def as_json_of(standing: Standing) -> dict[str, Any]:
    row, batch = standing.improvement, standing.batch
    return {
        "id": str(batch.id),
        "state": standing.state,
        "stopped": row.stopped,
        "goal": row.goal,
        "project": standing.project,
        "definition": batch.definition,
        "base_commit": batch.base_commit,
        "head_commit": standing.head,
        "max_usd": str(row.max_usd) if row.max_usd is not None else None,
        "max_tokens": row.max_tokens,
        "max_failures": row.max_failures,
        "failures_in_a_row": standing.failures,
        "estimated_tokens": row.estimated_tokens,
        "estimated_usd": str(row.estimated_usd) if row.estimated_usd is not None else None,
        "total": batch.total,
        **{state.value: getattr(batch, state) for state in ItemState},
        "usage": bill_json(standing.bill),
        "epics": [_step_json(step) for step in standing.steps],
        "created_at": batch.created_at.isoformat(),
        "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
    }


def _step_json(step: Any) -> dict[str, Any]:
    return {
        "number": step.number,
        "state": step.state,
        "epic": step.epic,
        "pipeline_id": str(step.pipeline_id) if step.pipeline_id else None,
        "attempts": step.attempts,
        "phase": step.phase,
        "commit": step.commit,
        "branch": step.branch,
        "subject": step.subject,
        "cost_usd": str(step.cost_usd),
        "error": step.error,
    }


def _say_step(console: Console, step: Any) -> None:
    mark, style = MARKS.get(step.state, ("…", "cyan" if step.state == ItemState.RUNNING else "dim"))
    what = step.subject or one_line(step.epic, EPIC_CHARS)
    parts: list[Part] = [(f"  {mark} ", style), f"{step.number:>3}  {what}"]
    if step.pipeline_id is not None:
        parts += [(f"  ${step.cost_usd:.4f}", "dim"), (f"  run {short(step.pipeline_id)}", "dim")]
    if step.commit is not None:
        parts.append((f"  {step.commit[:12]}", "dim"))
    say(console, *parts)
    if step.state == ItemState.DEAD and step.error:
        say(
            console,
            (one_line(f"{step.error.get('phase')}: {step.error.get('message')}", 140), "red"),
            indent=9,
        )


def _resume(standing: Standing) -> str:
    return command("improve", "--resume", short(standing.batch.id))
