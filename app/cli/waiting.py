"""How what a run waits for is shown: in words, with the commands that decide it, and who decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from app.cli.invocation import command
from app.cli.output import Part, explain, one_line, say
from app.tables import Decision, State, Wait, WaitReason

LISTED = 12
"""So many files are listed; the diff has all of them."""
STYLES = {Decision.OPEN: "yellow", Decision.GRANTED: "green", Decision.REFUSED: "red"}


def subject(wait: Wait) -> str:
    """What is waited for, in a few words."""
    match WaitReason(wait.reason):
        case WaitReason.APPROVAL:
            return f"an approval: {wait.subject}"
        case WaitReason.ACCESS:
            return f"access to {wait.subject}"
        case WaitReason.BUDGET:
            return f"budget: {wait.subject}"
        case WaitReason.EVENT:
            return f"the event {wait.subject}"


def deadline(wait: Wait) -> str:
    """Empty without a deadline."""
    if wait.deadline is None:
        return ""
    return f"{wait.default_decision} at {moment(wait.deadline)}"


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def show_wait(console: Console, wait: Wait) -> None:
    """The headline of a run that waits."""
    say(console, ("waits for ", "bold yellow"), (subject(wait), "bold yellow"))
    say(console, ("since ", "dim"), moment(wait.asked_at))
    if until := deadline(wait):
        say(console, until, (" unless somebody decides", "dim"))
    if why := wait.details.get("why"):
        explain(console, ("because ", "dim"), one_line(str(why)))
    show_files(console, wait)


def show_files(console: Console, wait: Wait) -> None:
    """How much of which files an approval is for, where it is for files."""
    files = wait.details.get("files") or ()
    for file in files[:LISTED]:
        new = "  new" if file["is_new"] else ""
        lines = (("+" + str(file["added"]), "green"), " ", ("-" + str(file["removed"]), "red"))
        say(console, f"{file['path']}  ", *lines, (new, "dim"), indent=2)
    if len(files) > LISTED:
        say(console, (f"and {len(files) - LISTED} more", "dim"), indent=2)


def steps(wait: Wait, run: str) -> Iterator[tuple[str, str]]:
    """What can be done about it, each with its command. `run`: the head of its id."""
    match WaitReason(wait.reason):
        case WaitReason.EVENT:
            yield "tell it what happened", command("event", run, wait.subject, "--data", "{}")
        case WaitReason.APPROVAL:
            yield "look at it and approve", command("approve", run)
            yield "reject it, and say why", command("reject", run, "--comment", "…")
        case WaitReason.ACCESS | WaitReason.BUDGET:
            yield "grant it", command("approve", run)
            yield "refuse it, and say why", command("reject", run, "--comment", "…")


def show_decisions(console: Console, waits: Sequence[Wait]) -> None:
    """Who decided what, when, and what was said."""
    for wait in waits:
        if wait.decided_at is None:
            continue
        said = f": {one_line(wait.comment)}" if wait.comment else ""
        say(
            console,
            *(f"{subject(wait)} ", *_verdict(wait), said, (f"  {moment(wait.decided_at)}", "dim")),
            indent=2,
        )


def _verdict(wait: Wait) -> list[Part]:
    """What was decided, by whom."""
    if wait.decided_by == State.CANCELLED:
        return [("withdrawn", "dim"), ", the run was cancelled"]
    verdict = (wait.decision, STYLES[Decision(wait.decision)])
    if wait.reason == WaitReason.EVENT and wait.decision == Decision.GRANTED:
        verdict = ("came", "green")
    return [verdict, f" by {wait.decided_by}"]


def wait_json(wait: Wait) -> dict[str, Any]:
    return {
        "run": str(wait.pipeline_id),
        "reason": wait.reason,
        "subject": wait.subject,
        "phase": wait.phase,
        "round": wait.round,
        "decision": wait.decision,
        "asked_at": wait.asked_at.isoformat(),
        "deadline": wait.deadline.isoformat() if wait.deadline else None,
        "default": wait.default_decision,
        "content_sha256": wait.content_sha256,
        "details": wait.details,
        "decided_at": wait.decided_at.isoformat() if wait.decided_at else None,
        "decided_by": wait.decided_by,
        "comment": wait.comment,
        "data": wait.data,
    }
