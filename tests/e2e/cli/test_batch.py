"""`workbench batch` and `workbench batches`: many inputs, answered by a recording."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from app.pipelines.batches.inputs import Format
from tests.e2e.cli.command import Process, Workbench

DEFINITION = """
name: sorting
description: Puts every input under a label.
write_documents: false
phases:
  - {name: sort, kind: llm, role: pm, route: light, inputs: [], artifact: label, schema: "row:classification"}
"""
ANSWER = {"label": "food", "confidence": 0.9, "reason": "lunch"}
KNOWN = [f"lunch {n}" for n in range(1, 21)]


@pytest.fixture(scope="session")
def recording(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Answers for `KNOWN`; any other input fails. The definition is stored, too."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "sorting.yaml").write_text(DEFINITION)
    stored = workbench("definitions", "put", str(folder / "sorting.yaml"))
    assert stored.code == 0, stored.err
    lines: list[Any] = [{"cassette": 1, "epics": KNOWN, "source": "written by hand"}]
    lines.append({"definition": "sorting", "phase": "sort", "json": ANSWER})
    path = folder / "cassette.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def inputs(folder: Path, *texts: str) -> str:
    path = folder / "inputs.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in texts))
    return str(path)


SORTING = ("--definition", "sorting", "--backend", "recorded")


def test_every_input_is_answered_and_the_results_are_written(
    workbench: Workbench, recording: str, tmp_path: Path
) -> None:
    out = tmp_path / "results.csv"
    arguments = (inputs(tmp_path, *KNOWN), *SORTING, "--concurrency", "4", "--out", str(out))
    done = workbench("batch", *arguments, WORKBENCH_CASSETTE=recording)
    assert done.code == 0, done.err
    assert "20, 4 at once" in done.out
    assert re.search(r"^0 / 20  0 dead  \d running  0\.0/s  left -:--  \$0\.0000$", done.out, re.MULTILINE)
    assert "finished: 20 succeeded of 20 in " in done.out
    rows = list(csv.DictReader(io.StringIO(out.read_text(), "")))
    assert [row["input"] for row in rows] == KNOWN
    assert [json.loads(row["artifacts"]) for row in rows] == [{"label": ANSWER}] * 20


def test_dead_letters_make_it_fail_and_can_be_retried(
    workbench: Workbench, recording: str, tmp_path: Path
) -> None:
    file = inputs(tmp_path, "lunch 1", "a text nobody recorded")
    done = workbench("batch", file, *SORTING, WORKBENCH_CASSETTE=recording)
    assert done.code == 1
    assert "1 succeeded, 1 dead letter of 2" in done.out
    assert re.search(r"2  unknown_recording: .*\(1 attempt, run [0-9a-f]{8}\)", done.out)

    dead = workbench("batches", "results", "last", "--state", "dead")
    assert json.loads(dead.out)["input"] == "a text nobody recorded"

    retried = workbench("batches", "retry", "last")
    assert "is open: 0 pending, 1 running" in retried.out
    assert "batch --resume" in retried.out
    again = workbench("batch", "--resume", "last", "--json", WORKBENCH_CASSETTE=recording)
    assert again.code == 1
    assert (again.json["state"], again.json["dead"], again.json["succeeded"]) == ("finished", 1, 1)
    shown = workbench("batches", "show", "last")
    assert "Dead letters" in shown.out
    assert "8 at once, 3 attempts" in shown.out


def test_a_detached_batch_waits_for_workers(workbench: Workbench, recording: str, tmp_path: Path) -> None:
    file = inputs(tmp_path, "lunch 1", "lunch 2")
    done = workbench("batch", file, *SORTING, "--detach", "--concurrency", "1", WORKBENCH_CASSETTE=recording)
    assert done.code == 0
    assert "no worker is alive" in done.out
    [first] = workbench("batches", "list", "--limit", "1", "--json").json
    assert (first["state"], first["total"], first["running"]) == ("open", 2, 1)
    assert first["id"][:8] in workbench("batches", "list").out
    assert "is paused" in workbench("batches", "pause", first["id"][:8]).out
    assert "is open" in workbench("batches", "resume", first["id"]).out
    assert "is cancelled: 0 pending, 0 running" in workbench("batches", "cancel", first["id"]).out
    assert workbench("batch", "--resume", first["id"]).code == 3
    assert workbench("batches", "show", "last", "--json").json["cancelled"] == 2


def test_a_paused_batch_goes_on_when_it_is_resumed_here(
    workbench: Workbench, recording: str, tmp_path: Path
) -> None:
    file = inputs(tmp_path, "lunch 1", "lunch 2")
    workbench("batch", file, *SORTING, "--detach", "--json", WORKBENCH_CASSETTE=recording)
    workbench("batches", "pause", "last")
    out = tmp_path / "results.jsonl"
    done = workbench("batch", "--resume", "last", "--out", str(out), WORKBENCH_CASSETTE=recording)
    assert done.code == 0
    assert len(out.read_text().splitlines()) == 2
    both = [workbench("batches", "results", "last", "--format", form.value).out for form in Format]
    assert [len(text.splitlines()) for text in both] == [2, 3]


def test_ctrl_c_leaves_the_batch_as_it_is(
    process: Process, workbench: Workbench, recording: str, tmp_path: Path
) -> None:
    file = inputs(tmp_path, *["lunch 1"] * 1000)  # more than it can do before the signal
    started = process.start("batch", file, *SORTING, "--concurrency", "1", WORKBENCH_CASSETTE=recording)
    assert started.stdout is not None
    while "running" not in started.stdout.readline():
        pass
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 3, err
    assert "what is under way ends first" in err
    assert "batch --resume" in err
    assert "Traceback" not in err + out
    left = workbench("batches", "show", "last", "--json").json
    assert left["state"] == "open"
    workbench("batches", "cancel", left["id"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["batch"], 2, "give a file"),
        (["batch", "a.jsonl", "--resume", "last"], 2, "give a file"),
        (["batch", "--resume", "last", "--detach"], 2, "--detach goes with"),
        (["batch", "inputs.txt"], 1, "ends with .jsonl, .ndjson, .csv"),
        (["batch", "none.jsonl", *SORTING], 1, "can not be read"),
        (["batches", "show", "0000"], 1, "no batch '0000'"),
        (["batches", "show", "0"], 1, "too short"),
    ],
)
def test_what_can_not_be_done_is_said(
    workbench: Workbench, recording: str, arguments: list[str], code: int, message: str
) -> None:
    done = workbench(*arguments, WORKBENCH_CASSETTE=recording)
    assert done.code == code
    assert message in " ".join(done.err.split())


def test_inputs_may_come_from_stdin(process: Process, recording: str) -> None:
    stdin = "".join(json.dumps(text) + "\n" for text in KNOWN[:3])
    done = process("batch", "-", *SORTING, "--json", stdin=stdin, WORKBENCH_CASSETTE=recording)
    assert done.code == 0, done.err
    assert (done.json["state"], done.json["succeeded"], done.json["usage"]["calls"]) == ("finished", 3, 3)


def test_a_bad_line_stores_nothing(workbench: Workbench, recording: str, tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_text('"lunch 1"\n{oops\n')
    before = workbench("batches", "list", "--json").json
    done = workbench("batch", str(file), *SORTING, WORKBENCH_CASSETTE=recording)
    assert done.code == 1
    assert "line 2: not JSON" in done.err
    assert workbench("batches", "list", "--json").json == before


def test_a_file_that_can_not_be_written_is_told(workbench: Workbench, recording: str, tmp_path: Path) -> None:
    workbench("batch", inputs(tmp_path, "lunch 1"), *SORTING, "--detach", WORKBENCH_CASSETTE=recording)
    done = workbench("batches", "results", "last", "--out", str(tmp_path / "none" / "results.csv"))
    assert done.code == 1
    assert "can not be written" in done.err
