"""`workbench improve`, `improvements`, `estimate` and `scoreboard`, answered by a recording."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.command import Process, Workbench

DEFINITION = """
name: naming
description: Finds a name.
write_documents: false
phases:
  - {name: name, kind: llm, role: pm, route: light, inputs: [], artifact: label, schema: "row:classification"}
"""
ANSWER = {"label": "food", "confidence": 0.9, "reason": "lunch"}
NAMING = ("--definition", "naming", "--project", "sample", "--backend", "recorded")


@pytest.fixture(scope="session")
def naming(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Answers for `Name 0` to `Name 8`; any other fails. The definition is stored, too."""
    folder = tmp_path_factory.mktemp("improve")
    (folder / "naming.yaml").write_text(DEFINITION)
    stored = workbench("definitions", "put", str(folder / "naming.yaml"))
    assert stored.code == 0, stored.err
    lines: list[Any] = [
        {"cassette": 1, "epics": [f"Name {n}" for n in range(9)], "source": "written by hand"}
    ]
    lines.append({"definition": "naming", "phase": "name", "json": ANSWER})
    path = folder / "cassette.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def goals(folder: Path, *epics: str) -> str:
    path = folder / "goals.txt"
    path.write_text("\n".join(["# what is to be done", "", *epics]) + "\n")
    return str(path)


def test_each_epic_of_a_file_is_told_as_it_ends(workbench: Workbench, naming: str, tmp_path: Path) -> None:
    done = workbench(
        "improve", "--from", goals(tmp_path, "Name 1", "Nobody", "Name 2"), *NAMING, WORKBENCH_CASSETTE=naming
    )
    assert done.code == 1, done.err
    assert "stops       after 3 epics; after 3 failures in a row" in done.out
    assert [line.split()[:3] for line in done.out.splitlines() if line[:5].strip() in ("✓", "✗")] == [
        ["✓", "1", "Name"],
        ["✗", "2", "Nobody"],
        ["✓", "3", "Name"],
    ]
    assert "finished: 2 green, 1 red of 3 epics" in done.out
    shown = workbench("improvements", "show", "last").out
    assert "name: " in shown
    assert "finished: 2 green" in shown


def test_it_stops_by_its_own_conditions(workbench: Workbench, naming: str, tmp_path: Path) -> None:
    order = ("--from", goals(tmp_path, "Nobody", "Nothing", "Name 1"), "--max-failures", "2", *NAMING)
    done = workbench("improve", *order, "--json", WORKBENCH_CASSETTE=naming)
    assert done.code == 1, done.err
    assert (done.json["state"], done.json["stopped"]) == ("stopped", "failures")
    assert [epic["state"] for epic in done.json["epics"]] == ["dead", "dead", "cancelled"]
    assert "stopped after 2 failures in a row" in workbench("improvements", "show", "last").out


def test_a_detached_one_waits_for_workers_and_is_gone_on_with(
    workbench: Workbench, naming: str, tmp_path: Path
) -> None:
    order = ("--from", goals(tmp_path, "Name 1", "Name 2"), *NAMING)
    done = workbench("improve", *order, "--detach", WORKBENCH_CASSETTE=naming)
    assert (done.code, "no worker is alive" in done.out) == (0, True), done.err
    [first] = workbench("improvements", "list", "--limit", "1", "--json").json
    assert (first["state"], first["total"]) == ("open", 2)
    assert "is paused" in workbench("improvements", "pause", first["id"][:8]).out
    assert "is open" in workbench("improvements", "resume", first["id"]).out
    went_on = workbench("improve", "--resume", "last", "--json", WORKBENCH_CASSETTE=naming)
    assert (went_on.code, went_on.json["succeeded"]) == (0, 2)
    assert first["id"][:8] in workbench("improvements", "list").out


def test_ctrl_c_leaves_it_as_it_is(
    process: Process, workbench: Workbench, naming: str, tmp_path: Path
) -> None:
    file = goals(tmp_path, *["Name 1"] * 500)  # more than it can do before the signal
    started = process.start("improve", "--from", file, *NAMING, WORKBENCH_CASSETTE=naming)
    assert started.stdout is not None
    while "✓" not in started.stdout.readline():
        pass
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 3, err
    assert "improve --resume" in err
    assert "Traceback" not in err + out
    left = workbench("improvements", "show", "last", "--json").json
    assert (left["state"], left["succeeded"] > 0) == ("open", True)
    assert "is cancelled" in workbench("improvements", "cancel", left["id"]).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a goal"),
        (("goal", "--resume", "last"), "give a goal"),
        (("goal", "--budget-usd", "much"), "is no amount"),
        (("--from", "/nowhere/goals.txt"), "can not be read"),
        (("goal", "--project", "nobody"), "no project 'nobody'"),
    ],
)
def test_wrong_use_says_what_is_wrong(workbench: Workbench, arguments: tuple[str, ...], message: str) -> None:
    done = workbench("improve", *arguments, "--backend", "recorded")
    assert done.code in (1, 2)
    assert message in done.err
    assert "Traceback" not in done.err


def test_an_estimate_says_what_a_run_would_take(workbench: Workbench) -> None:
    shown = workbench("estimate", "Add a", "--project", "sample", "--profile", "claude")
    assert shown.code == 0, shown.err
    assert "expected" in shown.out
    told = workbench("estimate", "Add a", "--project", "sample", "--profile", "claude", "--json").json
    assert [phase["phase"] for phase in told["phases"]] == ["pm", "architect", "developer", "qa"]
    assert told["tokens"]["low"] <= told["tokens"]["expected"] <= told["tokens"]["high"]


def test_the_scoreboard_says_what_is_measured_and_what_is_assumed(workbench: Workbench, naming: str) -> None:
    shown = workbench("scoreboard", "--project", "sample", "--tokens-before", "100", "200")
    assert shown.code == 0, shown.err
    assert "by hand 100 to 200 tokens an epic" in shown.out
    assert "all of before is assumed" in shown.out
    told = workbench("scoreboard", "--project", "sample", "--json").json
    assert told["epics"] == told["succeeded"] + told["failed"] + told["cancelled"] + told["under_way"]
