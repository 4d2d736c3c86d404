"""Runs that wait, on the command line: look, decide, tell, pause, cancel and try again."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.answers import cassette, code
from tests.e2e.cli.command import ARGV, InProcess, Process, Workbench
from tests.unit.artifacts.samples import EPIC

GATES = """
name: gates
description: "An event and an approval, with no model."
phases:
  - {name: order, kind: event, artifact: epic, schema: EpicDeliverable, template: epic.md.j2}
  - {name: review, kind: approval, limits: {wait_s: 3600}}
"""
SIGNED = """
name: signed
description: "What the developer writes is looked at."
phases:
  - {name: developer, kind: llm, role: developer, route: code, artifact: code, schema: DeveloperDeliverable,
     template: dev_summary.md.j2, apply: workspace}
  - {name: sign-off, kind: approval}
"""


class Terminal(io.StringIO):
    """Somebody sits at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def gates(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> None:
    for text in (GATES, SIGNED):
        file = tmp_path_factory.mktemp("gates") / "definition.yaml"
        file.write_text(text)
        done = workbench("definitions", "put", str(file))
        assert done.code == 0, done.err


@pytest.fixture
def ordered(gates: None, workbench: Workbench) -> str:
    """The id of a run that waits for its order."""
    done = workbench("run", "An epic", "--definition", "gates", "--json")
    assert done.code == 4, done.err
    return str(done.json["id"])


@pytest.fixture
def reviewed(ordered: str, workbench: Workbench) -> str:
    """The id of a run that waits for its approval."""
    assert workbench("event", ordered, "order", "--data", json.dumps(EPIC)).code == 0
    assert workbench("run", "--resume", ordered).code == 4
    return ordered


@pytest.fixture
def written(gates: None, workbench: Workbench, repository: Path, tmp_path: Path) -> str:
    """The id of a run whose change to a file waits for its approval."""
    answer = code({"calc.py": "def sub(a, b):\n    return a - b\n"}) | {"definition": "signed"}
    fixed = ("--repo", str(repository), "--definition", "signed", "--backend", "recorded", "--json")
    done = workbench(
        "run", "Subtract", *fixed, WORKBENCH_CASSETTE=cassette(tmp_path / "a", "Subtract", answer)
    )
    assert done.code == 4, done.out
    return str(done.json["id"])


def content_of(workbench: Workbench, run: str) -> str:
    found: list[dict[str, Any]] = workbench("waits", run, "--reason", "approval", "--json").json
    return str(found[-1]["content_sha256"])


def test_a_run_that_waits_ends_with_the_command_that_decides_it(ordered: str, workbench: Workbench) -> None:
    shown = workbench("show", ordered).out
    assert "waits for the event order" in shown
    assert f"event {ordered[:8]} order --data" in shown
    assert ordered[:8] in workbench("waits").out
    refused = workbench("approve", ordered)
    assert (refused.code, "waits for the event order" in refused.err, "event " in refused.err) == (
        1,
        True,
        True,
    )
    assert "waits for the event order" in workbench("run", "--resume", ordered).err
    for wrong, said in (("[]", "JSON object"), ("{", "not JSON"), ("@/nowhere", "can not be read")):
        done = workbench("event", ordered, "order", "--data", wrong)
        assert (done.code, said in done.err) == (1, True)


def test_a_script_approves_exactly_what_was_looked_at(reviewed: str, workbench: Workbench) -> None:
    blind = workbench("approve", reviewed)
    assert (blind.code, "--sha256" in blind.err) == (1, True)
    other = workbench("approve", reviewed, "--sha256", "0" * 64)
    assert (other.code, "look again" in other.err) == (1, True)
    content = content_of(workbench, reviewed)
    done = workbench("approve", reviewed, "--sha256", content, "--comment", "fine")
    assert (done.code, "no worker is alive" in done.out) == (0, True)
    ended = workbench("run", "--resume", reviewed)
    assert (ended.code, ": fine" in ended.out) == (0, True), ended.err
    decided = workbench("waits", reviewed).out
    assert "an approval: review granted by" in decided
    assert "the event order came by" in decided


def test_a_person_at_a_terminal_sees_the_documents_and_the_diff_and_is_asked(
    written: str, process: Process, surroundings: dict[str, str]
) -> None:
    terminal = InProcess(surroundings | {"TERM": "dumb", "LINES": "500", "COLUMNS": "120"}, Terminal)
    for answer in ("no\n", ""):
        done = terminal("approve", written, stdin=answer)
        assert (done.code, "nothing is decided" in done.out) == (1, True)
        assert "document code" in done.out
        assert "-def add(a, b):" in done.out
        assert "+def sub(a, b):" in done.out
    assert "queued" in answered(process, "y\n", "approve", written)


def test_what_does_not_fit_on_the_screen_is_shown_by_page(
    written: str, surroundings: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = InProcess(surroundings | {"TERM": "dumb", "LINES": "5", "COLUMNS": "120"}, Terminal)
    done = terminal("approve", written, stdin="y\n")
    assert (done.code, "+def sub(a, b):" in done.out + capfd.readouterr().out) == (0, True)


def test_a_refusal_ends_the_run_and_a_retry_is_a_new_one(
    reviewed: str, workbench: Workbench, tmp_path: Path
) -> None:
    assert workbench("reject", reviewed, "--comment", "too long").code == 0
    failed = workbench("run", "--resume", reviewed)
    assert (failed.code, "too long" in failed.out, f"retry {reviewed[:8]}" in failed.out) == (1, True, True)
    (tmp_path / "epic.json").write_text(json.dumps({**EPIC, "title": "Shorter"}))
    given = ("--artifact", f"epic=@{tmp_path / 'epic.json'}")
    again = workbench("retry", reviewed, "--from", "review", *given, "--json")
    assert (again.code, again.json["retry_of"], again.json["state"]) == (4, reviewed, "waiting")
    assert workbench("show", again.json["id"], "--artifact", "epic").json["title"] == "Shorter"
    assert reviewed in workbench("show", again.json["id"]).out
    for wrong in ("epic", "epic={", "=x"):
        assert workbench("retry", reviewed, "--artifact", wrong).code == 1
    twice = workbench("retry", reviewed, *given, *given)
    assert (twice.code, "given twice" in twice.err) == (1, True)


def test_a_run_is_paused_resumed_and_cancelled_and_a_refusal_says_why(
    reviewed: str, workbench: Workbench
) -> None:
    refused = workbench("pause", reviewed)
    assert (refused.code, "waits for approval" in refused.err) == (1, True)
    workbench("approve", reviewed, "--sha256", content_of(workbench, reviewed))
    paused = workbench("pause", reviewed)
    assert (paused.code, "paused (user)" in paused.out, f"resume {reviewed[:8]}" in paused.out) == (
        0,
        True,
        True,
    )
    assert workbench("resume", reviewed, "--json").json["state"] == "queued"
    assert "cancelled" in workbench("cancel", reviewed).out
    assert workbench("cancel", reviewed).code == 1
    created = workbench("retry", reviewed, "--no-start")
    assert "run --resume" in created.out
    assert workbench("retry", reviewed, "--no-start", "--json").json["state"] == "created"


def test_what_is_not_there_is_said(gates: None, workbench: Workbench) -> None:
    assert "there are: " in workbench("waits", "--reason", "mood").err
    created = workbench("runs", "--json").json[0]["id"]
    assert workbench("waits", created).code == 0
    assert "nothing waits" in workbench("waits", "--reason", "budget").out


def answered(process: Process, answer: str, *arguments: str) -> str:
    """What a terminal shows of a command whose one question gets this answer."""
    ours, theirs = pty.openpty()
    environment = process.environment | {"TERM": "dumb", "LINES": "500", "COLUMNS": "120"}
    with subprocess.Popen(
        [*ARGV, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    ) as running:
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = bytearray()
        while chunk := _read(ours):
            shown += chunk
        running.wait(timeout=60)
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    """Nothing once the command has ended: Linux says so with an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
