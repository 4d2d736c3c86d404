"""What is printed about a phase run: one line, and below it why the work went back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from app.cli.output import line, one_line
from app.cli.view import PhaseView, RunView
from app.tables import Outcome

MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.REJECTED: ("↩", "yellow"),
    Outcome.SUSPECT: ("↩", "yellow"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.WAITING: ("…", "yellow"),
    Outcome.ABANDONED: ("·", "dim"),
    Outcome.CANCELLED: ("·", "dim"),
    Outcome.RUNNING: ("·", "dim"),
}
SHOWN_ISSUES = 5
CODE_LISTS = ("files", "test_files", "migration_scripts")


def columns(
    mark: Any, phase: str, round_: int, outcome: Text, seconds: float | None, tokens: str, note: str
) -> Table:
    """One line in fixed columns, so that lines printed one by one stand below each other."""
    grid = Table.grid(padding=(0, 1), expand=True)
    for width, justify in ((1, "left"), (10, "left"), (8, "left"), (9, "left"), (7, "right"), (15, "right")):
        grid.add_column(width=width, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    again = line((f"rework {round_}", "dim")) if round_ else Text("")
    took = line((duration(seconds), "dim")) if seconds is not None else Text("")
    grid.add_row(mark, line((phase, "bold")), again, outcome, took, line((tokens, "dim")), line(" ", note))
    return grid


def finished(view: RunView, phase: PhaseView) -> Iterator[RenderableType]:
    """The line of a phase run that has ended, and what it found."""
    outcome = Outcome(phase.row.outcome)
    mark, style = MARKS[outcome]
    sent_back = view.was_sent_back(phase)
    word = "sent back" if sent_back else outcome.value
    yield columns(
        Text(mark, style=style),
        phase.row.phase,
        phase.row.round,
        Text(word, style=style),
        phase.seconds,
        tokens_of(phase),
        ", ".join(part for part in (note(phase), _again(view, phase)) if part),
    )
    if sent_back:
        yield line("    ", (f"back to {phase.spec.on_reject}:", "yellow"))
    yield from issues(phase)
    if phase.unsandboxed:
        yield line("    ", ("these tests ran WITHOUT a sandbox", "bold yellow"))


def issues(phase: PhaseView) -> Iterator[RenderableType]:
    """Names of failing tests and findings of a review, one line each."""
    for issue in phase.issues[:SHOWN_ISSUES]:
        yield _item(one_line(str(issue.get("text", "")), 400))
    more = len(phase.issues) - SHOWN_ISSUES
    if more > 0:
        yield _item(f"and {more} more")
    message = (phase.row.detail or {}).get("message")
    if phase.row.outcome == Outcome.FAILED and message:
        yield _item(one_line(str(message), 600))


def _item(text: str) -> Table:
    """A folded line goes on below its text."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=5, justify="right")
    grid.add_column()
    grid.add_row("-", line(text))
    return grid


def note(phase: PhaseView) -> str:
    """What the phase made, in a few words."""
    asked = f"asked {len(phase.calls)} times" if len(phase.calls) > 1 else ""
    return ", ".join(part for part in (_made(phase), _decided(phase), asked) if part)


def _decided(phase: PhaseView) -> str:
    """Who decided an approval, or brought an event."""
    by = (phase.row.detail or {}).get("by")
    return f"by {one_line(str(by), 40)}" if by else ""


def _again(view: RunView, phase: PhaseView) -> str:
    """Which try it is, where a worker died, was drained or lost its database before."""
    lost = [
        other
        for other in view.phases
        if (other.row.phase, other.row.round) == (phase.row.phase, phase.row.round)
        and other.row.outcome == Outcome.ABANDONED
        and other.row.id < phase.row.id
    ]
    return f"try {len(lost) + 1}" if lost else ""


def _made(phase: PhaseView) -> str:
    made: Mapping[str, Any] = phase.made if isinstance(phase.made, dict) else {}
    schema = phase.spec.output.name if made and phase.spec.output else None
    match schema:
        case "EpicDeliverable":
            return one_line(made["title"])
        case "ArchitectureDeliverable":
            return counted(len(made["components"]), "component")
        case "DeveloperDeliverable" | "CodeDeliverable":
            return counted(sum(len(made[name]) for name in CODE_LISTS), "file")
        case "TestResults":
            return _tests(made)
        case "QADeliverable":
            return counted(len(made["issues"]), "issue")
        case "DeliveryRecord":
            return f"{made['destination']} ({made['state'].replace('_', ' ')})"
        case "CommitRecord":
            return str(made["commit"])[:12]
    return ""


def _tests(made: Mapping[str, Any]) -> str:
    gates = made.get("gates", ())
    stopped = [f"{gate['name']} {gate['outcome']}" for gate in gates if gate["outcome"] != "passed"]
    if stopped:
        return f"not run, because of {counted(len(stopped), 'gate')}: {', '.join(stopped)}"
    broken = made["failures"] + made["errors"]
    if broken:
        return f"{broken} of {counted(made['tests'], 'test')} failed"
    behind = f", {counted(len(gates), 'gate')} passed" if gates else ""
    return f"{made['passed']} of {counted(made['tests'], 'test')} passed{behind}"


def tokens_of(phase: PhaseView) -> str:
    """`in → out`; nothing for a phase that asked no model."""
    if not phase.calls:
        return ""
    return f"{phase.tokens.total_input:,} → {phase.tokens.output:,}"


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number or 'no'} {word}s"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s"
