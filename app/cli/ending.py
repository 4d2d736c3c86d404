"""What is shown when a run has ended: commit, documents, bill, and what to do next."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from app.cli.failures import HINTS
from app.cli.gate_view import show_gates
from app.cli.invocation import command
from app.cli.lines import counted, duration
from app.cli.output import emit, explain, row, say, table
from app.cli.view import RunView, head
from app.cli.waiting import show_decisions, show_wait, steps
from app.pipelines.pull_request import NAME as PULL_REQUEST
from app.services import SAMPLE_PROJECT
from app.tables import Project, PushState, State
from app.usage.reports import Bill
from app.workspace.environment import own_python

STYLES = {"A": "green", "M": "yellow", "D": "red"}


def show_ending(console: Console, view: RunView, *, next_steps: bool = True) -> None:
    _headline(console, view)
    if any(wait.decided_at for wait in view.waits):
        _title(console, "Decisions")
        show_decisions(console, view.waits)
    if checked := gates(view):
        _title(console, "Gates")
        show_gates(console, checked, indent=2)
    if view.commit:
        _commit(console, view.commit)
        _after_commit(console, view)
    if names := documents(view):
        _documents(console, view, names)
    if view.bills:
        _bill(console, view)
    _warnings(console, view)
    if next_steps:
        _next(console, view)


def documents(view: RunView) -> list[str]:
    """Artifacts of this run that a document can be made of."""
    made = {spec.artifact for spec in view.snapshot.phases if spec.template}
    found = [name for name in view.artifacts if name in made]
    return [*found, PULL_REQUEST] if view.commit and PULL_REQUEST not in found else found


def gates(view: RunView) -> list[Mapping[str, Any]]:
    """What the gates said last, before the tests."""
    tested = {spec.artifact for spec in view.snapshot.phases if spec.kind == "tests"}
    return [gate for name, body in view.artifacts.items() if name in tested for gate in body.get("gates", ())]


def money(bill: Bill) -> str:
    text = f"${bill.cost_usd:.4f}"
    return f"{text} + {counted(bill.unpriced, 'call')} of unknown price" if bill.unpriced else text


def bill_table(console: Console, first: str, bills: Iterable[Bill], total: Bill, *, indent: int = 0) -> None:
    made = table(
        first, "calls", "tokens in", "tokens out", "cost", right=("calls", "tokens in", "tokens out", "cost")
    )
    for bill in (*bills, total):
        tokens = bill.tokens
        row(made, bill.label, bill.calls, f"{tokens.total_input:,}", f"{tokens.output:,}", money(bill))
    emit(console, Padding(made, (0, 0, 0, indent)))
    if total.open:
        say(console, f"{counted(total.open, 'call')} without a reply so far; counted with what was reserved")


def _headline(console: Console, view: RunView) -> None:
    run = view.run
    console.print()
    match State(run.state):
        case State.SUCCEEDED:
            say(console, ("✓ succeeded", "bold green"), f" in {duration(view.seconds)}")
        case State.FAILED:
            error = run.error or {}
            explain(
                console, ("✗ failed", "bold red"), f" in phase {error.get('phase')}: {error.get('message')}"
            )
            _hint(console, error)
        case State.CANCELLED:
            say(console, ("cancelled", "bold yellow"), "; nothing was committed")
        case State.WAITING if wait := view.open_wait:
            show_wait(console, wait)
        case _:
            reason = f" ({run.reason})" if run.reason else ""
            say(console, (f"{run.state}{reason}", "bold yellow"))
    say(console, ("run ", "dim"), str(run.id))
    if run.retry_of:
        say(console, ("retry of ", "dim"), str(run.retry_of))


def _hint(console: Console, error: Mapping[str, Any]) -> None:
    details = error.get("details") or {}
    if hint := details.get("hint") or HINTS.get(str(error.get("code"))):
        explain(console, ("what to do: ", "bold"), str(hint))


def _commit(console: Console, commit: Mapping[str, Any]) -> None:
    _title(console, "Commit")
    say(console, (commit["commit"][:12], "yellow"), " ", commit["subject"], indent=2)
    say(console, ("branch ", "dim"), commit["branch"], indent=2)
    for file in commit["files"]:
        say(console, (file["status"], STYLES.get(file["status"], "")), " ", file["path"], indent=4)
    for trailer in commit["trailers"]:
        say(console, (f"{trailer['key']}: ", "dim"), trailer["value"], indent=2)


def _after_commit(console: Console, view: RunView) -> None:
    """Where it is by now, as far as that is not where it was made."""
    if view.commit and view.commit.get("base"):
        began = view.commit["base"]["began_with"][:12]
        say(console, ("base   ", "dim"), f"{view.commit['parent'][:12]}; the run began at {began}", indent=2)
    if view.push and view.push.state == PushState.PUSHED:
        say(console, ("pushed ", "dim"), view.push.url, indent=2)
    elif view.push:
        say(console, ("not pushed: ", "yellow"), str(view.push.error), indent=2)
        say(console, "to do it now: ", command("push", short(view)), indent=2)
    if view.run.discarded_at:
        say(console, ("discarded ", "yellow"), f"{view.run.discarded_at:%Y-%m-%d %H:%M} UTC", indent=2)


def _documents(console: Console, view: RunView, names: list[str]) -> None:
    _title(console, "Documents")
    for name in names:
        say(console, f"{name:<14}", command("show", short(view), "--document", name), indent=2)
    if view.commit and view.project:
        for path in view.commit["documents"]:
            say(console, f"{path}, in the commit:", indent=2)
            say(console, f"{_git(view.project)} show {view.commit['branch']}:{path}", indent=4)


def _bill(console: Console, view: RunView) -> None:
    _title(console, "Bill")
    bill_table(console, "phase", view.bills, view.total, indent=2)


def _warnings(console: Console, view: RunView) -> None:
    if view.recorded:
        console.print()
        say(console, ("The answers were recorded beforehand: no model was called, nothing was paid,", "cyan"))
        say(console, ("and the token counts are estimates.", "cyan"))
    if any(phase.unsandboxed for phase in view.phases):
        console.print()
        say(
            console,
            ("The tests ran WITHOUT a sandbox.", "bold yellow"),
            " Only the shipped demo may do that unasked;",
        )
        say(console, "your own repositories should have one: ", command("doctor"), " says what is missing.")


def _next(console: Console, view: RunView) -> None:
    steps = list(_steps(view))
    if steps:
        _title(console, "Next")
    for what, how in steps:
        say(console, (what, "dim"), indent=2)
        say(console, how, indent=4)


def _steps(view: RunView) -> Iterable[tuple[str, str]]:
    state = State(view.run.state)
    if state is State.WAITING and view.open_wait:
        yield from steps(view.open_wait, short(view))
    if view.commit and view.project and not view.run.discarded_at:
        git = _git(view.project)
        yield "look at the commit", f"{git} show {view.commit['branch']}"
        yield "run its tests by hand", _by_hand(view, git)
    if state in (State.PAUSED, State.CREATED):
        yield "run the next phase", command("run", "--resume", short(view), "--step")
        yield "run it to the end", command("run", "--resume", short(view))
    if state is State.FAILED:
        yield "see every phase and what it found", command("show", short(view), "--events")
        if view.workspace.is_dir():
            yield "look at its files", f"ls {shlex.quote(str(view.workspace))}"
    if state in (State.FAILED, State.CANCELLED):
        yield "try again from where it ended, as a new run", command("retry", short(view))
    if state is State.SUCCEEDED and view.project and view.project.name == SAMPLE_PROJECT:
        yield "run on your own repository with Claude (needs WORKBENCH_ANTHROPIC_API_KEY)", _own("anthropic")
        yield "or with a model of your own (openai: LM Studio, llama.cpp, vLLM)", _own("ollama")


def _own(backend: str) -> str:
    return command("run", "Add …", "--repo", "/path/to/repository", "--backend", backend)


def _by_hand(view: RunView, git: str) -> str:
    """In a folder of its own, so that the repository stays as it is."""
    assert view.project is not None  # noqa: S101 - asked by the caller
    assert view.commit is not None  # noqa: S101
    folder = shlex.quote(str(Path(tempfile.gettempdir()) / f"workbench-{short(view)}"))
    python = view.project.python or str(own_python(Path(view.project.path)) or "python3")
    words = [str(word) for word in view.project.test_command]
    argv = [word.replace("{python}", python) for word in words if "{junit}" not in word]
    return (
        f"mkdir -p {folder} && {git} archive {view.commit['branch']} | tar -xC {folder} "
        f"&& (cd {folder} && {shlex.join(argv)})"
    )


def _git(project: Project) -> str:
    return f"git -C {shlex.quote(project.path)}"


def short(view: RunView) -> str:
    """The head of the id; every command takes it."""
    return head(view.run)


def _title(console: Console, text: str) -> None:
    console.print()
    say(console, (text, "bold"))
