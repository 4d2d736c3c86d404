"""What is told of a run while it is followed, and what it waits for, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.cli.controlling import show_standing
from app.cli.output import stdout
from app.cli.telling import told
from app.cli.waiting import deadline, show_files, steps, subject
from app.tables import Event, Pipeline, Wait, WaitReason

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def text_of(kind: str, **data: object) -> str:
    parts = told(Event(pipeline_id=UUID(int=1), seq=1, kind=kind, data=data, at=AT))
    return "".join(part if isinstance(part, str) else part[0] for part in parts)


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("pause_requested", {}, "pauses after this phase"),
        ("pause_taken_back", {}, "does not pause after all"),
        ("cancel_requested", {}, "cancelling"),
        ("handed_back", {}, "handed back; another worker goes on"),
        ("event_received", {"name": "order", "by": "anna"}, "event order came early, by anna"),
        (
            "decided",
            {"reason": "access", "subject": "network", "decision": "granted", "by": "anna"},
            "access network: granted by anna",
        ),
        (
            "path_refused",
            {"path": ".git/x", "reason": "protected"},
            "refused to write '.git/x': protected; the model is told",
        ),
        (
            "changes",
            {"phase": "developer", "files": [{"path": "a.py", "is_new": True, "added": 3, "removed": 0}]},
            "will change 1 file (+3 -0): a.py",
        ),
        ("phase_started", {"phase": "pm"}, ""),
    ],
)
def test_each_event_is_told_in_one_line_or_not_at_all(kind: str, data: dict[str, object], said: str) -> None:
    assert text_of(kind, **data) == said


@pytest.mark.parametrize(
    ("reason", "said", "command"),
    [
        (WaitReason.APPROVAL, "an approval: x", "approve abcd"),
        (WaitReason.ACCESS, "access to x", "approve abcd"),
        (WaitReason.BUDGET, "budget: x", "approve abcd"),
        (WaitReason.EVENT, "the event x", "event abcd x --data '{}'"),
    ],
)
def test_every_reason_has_words_and_a_command_that_decides_it(
    reason: WaitReason, said: str, command: str
) -> None:
    wait = Wait(reason=reason, subject="x", deadline=AT, default_decision="refused")
    assert subject(wait) == said
    assert next(iter(steps(wait, "abcd")))[1].endswith(command)
    assert deadline(wait) == "refused at 2026-11-21 09:00:00 UTC"


@pytest.mark.parametrize(
    ("state", "asked", "workers", "said"),
    [
        ("running", "pause", 1, "the phase under way ends first, then the run pauses"),
        ("running", "cancel", 1, "its worker stops the phase under way"),
        ("queued", None, 1, "a worker goes on with it"),
        ("queued", None, 0, "no worker is alive"),
        ("paused", None, 0, "go on: "),
        ("cancelled", None, 0, "cancelled"),
    ],
)
def test_a_command_that_told_a_run_something_says_what_happens_next(
    state: str, asked: str | None, workers: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_standing(Pipeline(id=UUID(int=1), state=state, asked=asked), workers, as_json=False)
    assert said in capsys.readouterr().out


def test_an_approval_of_files_lists_them_with_their_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"is_new": True, "added": 3, "removed": 1}
    files = [{"path": f"{number}/conftest.py", **sizes} for number in range(14)]
    show_files(stdout(), Wait(reason=WaitReason.APPROVAL, subject="x", details={"files": files}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  0/conftest.py  +3 -1  new"
    assert (len(lines), lines[-1]) == (13, "  and 2 more")
