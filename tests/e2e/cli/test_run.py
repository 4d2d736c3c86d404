"""`workbench run` on a repository of one's own."""

from __future__ import annotations

import json
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.e2e.cli.answers import cassette, code, review
from tests.e2e.cli.command import Done, Process, Workbench, git

EPIC = "Add subtraction"
SUBTRACT = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
WRONG = SUBTRACT.replace("a - b", "a + b")
TEST = "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 2) == 1\n"


def run(workbench: Workbench, repository: Path, recording: str, *options: str, **environment: str) -> Done:
    """Answers come from the recording."""
    fixed = ("--repo", str(repository), "--definition", "software-small", "--backend", "recorded")
    return workbench("run", EPIC, *fixed, *options, WORKBENCH_CASSETTE=recording, **environment)


def test_an_epic_becomes_a_commit_and_the_person_keeps_branch_and_changes(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    (repository / "calc.py").write_text("unfinished work\n")
    recording = cassette(
        tmp_path / "a", EPIC, code({"calc.py": SUBTRACT, "tests/test_sub.py": TEST}), review(tests=2)
    )
    done = run(workbench, repository, recording)
    assert done.code == 0, done.err
    assert "2 of 2 tests passed" in done.out
    branch = re.search(r"branch (workbench/\S+)", done.out)
    assert branch is not None
    assert git(repository, "show", f"{branch[1]}:calc.py") == SUBTRACT
    assert (repository / "calc.py").read_text() == "unfinished work\n"
    assert git(repository, "branch", "--show-current").strip() == "main"


def test_a_failing_test_is_named_and_ends_the_run_when_no_rework_helps(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    wrong = code({"calc.py": WRONG, "tests/test_sub.py": TEST})
    recording = cassette(tmp_path / "a", EPIC, wrong, *(code({"calc.py": WRONG}, n) for n in range(1, 5)))
    done = run(workbench, repository, recording)
    assert done.code == 1
    assert done.out.count("tests.test_sub::test_sub") >= 2
    assert "✗ failed in phase test" in done.out
    look = re.search(r"look at its files\n +ls (.+)", done.out)
    assert look is not None
    assert (Path(*shlex.split(look[1])) / "calc.py").read_text() == WRONG
    assert git(repository, "branch", "--list", "workbench/*") == ""


def test_what_a_repository_prints_can_not_control_the_terminal(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    hostile = TEST.replace("== 1", "== 1, '\\x1b[31m\\x1b]0;title\\x07[bold]x[/bold]'")
    files = {"calc.py": WRONG, "tests/test_sub.py": hostile}
    recording = cassette(tmp_path / "a", EPIC, code(files))
    done = run(workbench, repository, recording)
    assert done.code == 1
    assert "[bold]x[/bold]" in done.out
    assert not set(done.out) & {"\x1b", "\x07"}
    shown = workbench("show", "last", "--events")
    assert not set(shown.out) & {"\x1b", "\x07"}


def test_step_by_step_pauses_after_each_phase_and_resume_goes_on(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    recording = cassette(
        tmp_path / "a", EPIC, code({"calc.py": SUBTRACT, "tests/test_sub.py": TEST}), review(tests=2)
    )
    first = json.loads(run(workbench, repository, recording, "--step", "--json").out)
    assert (first["state"], first["reason"]) == ("paused", "step")
    assert [phase["phase"] for phase in first["phases"]] == ["developer"]
    head = first["id"][:8]
    second = workbench("run", "--resume", head, "--step", WORKBENCH_CASSETTE=recording)
    assert second.code == 0
    assert "developer" not in second.out.split("tokens in")[1].split("paused")[0]
    assert f"--resume {head}" in second.out
    last = workbench("run", "--resume", head, "--json", WORKBENCH_CASSETTE=recording)
    assert last.json["state"] == "succeeded"
    again = workbench("run", "--resume", head)
    assert again.code == 1
    assert "finished" in again.err


def test_the_project_is_registered_once_and_named_after_its_folder(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    recording = cassette(tmp_path / "a", EPIC, code({"calc.py": SUBTRACT}), review(tests=1))
    for _ in range(2):
        assert run(workbench, repository, recording, "--step").code == 0
    found = [p for p in workbench("projects", "list", "--json").json if p["path"] == str(repository)]
    assert len(found) == 1
    assert found[0]["name"].startswith("calc")


def test_test_command_and_interpreter_belong_to_the_project(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    recording = cassette(tmp_path / "a", EPIC, code({"calc.py": SUBTRACT}), review(tests=1))
    command = "{python} -m pytest -q tests --junitxml={junit}"
    name = f"own-{tmp_path.name}".replace("_", "-")[:40].lower()
    assert run(workbench, repository, recording, "--project", name, "--test-command", command).code == 0
    assert run(workbench, repository, recording, "--project", name, "--step").code == 0
    project = next(p for p in workbench("projects", "list", "--json").json if p["name"] == name)
    assert project["test_command"] == command.split()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--repo", "/var"), "not a git repository"),
        (("--definition", "none"), "no pipeline definition 'none'; there are: "),
        (("--profile", "none"), "no model profile 'none'"),
        (("--test-command", "pytest"), "{junit}"),
        (("--python", "/nonexistent"), "no interpreter"),
    ],
)
def test_what_is_wrong_with_the_order_is_said_before_a_run_is_made(
    workbench: Workbench, repository: Path, options: tuple[str, ...], said: str
) -> None:
    base = ("run", EPIC, "--repo", str(repository), "--backend", "recorded")
    done = workbench(*base, *options)
    assert done.code == 1
    assert said in done.err
    assert done.out == ""


def test_a_repository_without_an_environment_is_refused_before_a_run_is_made(
    workbench: Workbench, repository: Path
) -> None:
    (repository / ".venv").unlink()
    done = workbench("run", EPIC, "--repo", str(repository), "--backend", "recorded")
    assert (done.code, done.out) == (1, "")
    assert "make a .venv in" in done.err
    assert "--python" in done.err


def test_the_epic_comes_from_a_file_or_from_stdin(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "epic.txt").write_text(EPIC + "\n")
    recording = cassette(tmp_path / "a", EPIC, code({"calc.py": SUBTRACT}))
    for given in (f"@{tmp_path / 'epic.txt'}", "-"):
        done = workbench(
            *("run", given, "--repo", str(repository), "--definition", "software-small"),
            *("--backend", "recorded", "--step", "--json"),
            stdin=EPIC,
            WORKBENCH_CASSETTE=recording,
        )
        assert done.json["epic_description"] == EPIC


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "an epic", "--resume", "abcd"), ("run", "x", "--nope")]
)
def test_wrong_usage_has_an_exit_code_of_its_own(workbench: Workbench, arguments: tuple[str, ...]) -> None:
    assert workbench(*arguments).code == 2


def test_ctrl_c_cancels_the_run(process: Process, repository: Path, tmp_path: Path) -> None:
    slow = "import time\n\n\ndef test_slow():\n    time.sleep(600)\n"
    recording = cassette(tmp_path / "a", EPIC, code({"tests/test_slow.py": slow}))
    running = process.start(
        *("run", EPIC, "--repo", str(repository), "--definition", "software-small", "--backend", "recorded"),
        WORKBENCH_CASSETTE=recording,
        PYTHONUNBUFFERED="1",
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "developer" in line and "passed" in line:
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 3, err
    assert "cancelling" in err
    assert "cancelled; nothing was committed" in out


def test_a_second_ctrl_c_leaves_at_once(process: Process, repository: Path, tmp_path: Path) -> None:
    slow = "import time\n\n\ndef test_slow():\n    time.sleep(600)\n"
    recording = cassette(tmp_path / "a", EPIC, code({"tests/test_slow.py": slow}))
    running = process.start(
        *("run", EPIC, "--repo", str(repository), "--definition", "software-small", "--backend", "recorded"),
        WORKBENCH_CASSETTE=recording,
        PYTHONUNBUFFERED="1",
    )
    assert running.stdout is not None
    assert running.stderr is not None
    next(line for line in running.stdout if "developer" in line and "passed" in line)
    running.send_signal(signal.SIGINT)
    next(line for line in running.stderr if "cancelling" in line)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert re.search(r"show [0-9a-f-]{36}", err)


def test_an_epic_that_is_not_recorded_names_those_that_are(workbench: Workbench, repository: Path) -> None:
    done = workbench("run", "Build a rocket", "--repo", str(repository), "--backend", "recorded")
    assert done.code == 1
    assert "Add health check endpoint" in done.out
    assert "what to do" in done.out


def test_show_gives_documents_artifacts_and_all_that_is_kept(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    recording = cassette(
        tmp_path / "a", EPIC, code({"calc.py": SUBTRACT}), review(tests=1, issue="No test subtracts.")
    )
    made = json.loads(run(workbench, repository, recording, "--json").out)
    report = workbench("show", made["id"], "--document", "qa_report").out
    assert "No test subtracts." in report
    assert workbench("show", made["id"], "--artifact", "code").json["files"][0]["path"] == "calc.py"
    refused = workbench("show", made["id"], "--document", "novel")
    assert refused.code == 1
    assert "qa_report" in refused.err
    assert "No test subtracts." in workbench("show", made["id"][:8]).out
