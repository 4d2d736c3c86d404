"""`workbench demo`: an epic becomes a tested commit, with no key and no model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.command import Done, Process, Workbench, environment, git


@pytest.fixture(scope="module")
def demo(process: Process) -> Done:
    return process("demo", "--json")


@pytest.fixture(scope="module")
def result(demo: Done) -> Any:
    return demo.json


def test_the_demo_succeeds_and_prints_one_json_document(demo: Done, result: Any) -> None:
    assert demo.code == 0
    assert demo.err == ""
    assert result["state"] == "succeeded"
    assert result["recorded"] is True


def test_one_failing_test_and_one_review_send_the_work_back(result: Any) -> None:
    back = [(p["phase"], p["round"]) for p in result["phases"] if p["outcome"] == "rejected"]
    assert back == [("test", 0), ("qa", 1)]
    assert all(p["issues"] for p in result["phases"] if p["outcome"] == "rejected")


def test_the_commit_is_in_the_repository_with_its_trailers(result: Any) -> None:
    repository, commit = Path(result["repository"]), result["commit"]
    assert git(repository, "rev-parse", commit["branch"]).strip() == commit["commit"]
    message = git(repository, "log", "-1", "--format=%(trailers:key=Run-Id,valueonly)", commit["branch"])
    assert message.strip() == result["id"]
    files = git(repository, "show", "--name-only", "--format=", commit["branch"]).split()
    assert files == [file["path"] for file in commit["files"]]
    assert f"docs/ARCH-{result['id'][:8]}.md" in files


def test_the_working_copy_stays_clean(result: Any) -> None:
    assert git(Path(result["repository"]), "status", "--porcelain") == ""
    assert git(Path(result["repository"]), "branch", "--show-current").strip() == "main"


def test_the_tests_of_the_commit_pass_when_run_by_hand(result: Any, tmp_path: Path) -> None:
    archive = ["git", "-C", result["repository"], "archive", result["commit"]["branch"]]
    packed = subprocess.run(archive, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-xC", str(tmp_path)], input=packed, check=True)
    tested = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=tmp_path, capture_output=True)
    assert tested.returncode == 0, tested.stdout.decode()


def test_the_bill_adds_up(result: Any) -> None:
    usage = result["usage"]
    assert [bill["label"] for bill in usage["phases"]] == ["pm", "architect", "developer", "qa"]
    assert sum(bill["calls"] for bill in usage["phases"]) == usage["total"]["calls"] == 7
    assert usage["total"]["output_tokens"] == sum(phase["output_tokens"] for phase in result["phases"])


def test_the_next_demo_makes_another_run_and_another_branch(workbench: Workbench, result: Any) -> None:
    second = workbench("demo", "--json").json
    assert second["state"] == "succeeded"
    assert second["commit"]["branch"] != result["commit"]["branch"]


def test_a_first_demo_in_an_empty_folder_shows_each_phase_and_what_to_do_next(state_dir: Path) -> None:
    """With the embedded database, and read by a pipe instead of a person."""
    done = Process(environment(state_dir))("demo")
    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    assert all(line == line.rstrip() for line in done.out.splitlines())
    for text in (
        "test_a_working_service_is_healthy",
        "back to developer",
        "20 of 20 tests passed",
        "✓ succeeded",
        "no model was called",
        "--document architecture",
        "git -C",
        "--backend anthropic",
    ):
        assert text in done.out


def test_a_backend_without_a_key_is_said_before_anything_runs(workbench: Workbench) -> None:
    before = len(workbench("runs", "--json").json)
    done = workbench("demo", "--backend", "anthropic")
    assert done.code == 1
    assert "WORKBENCH_ANTHROPIC_API_KEY" in done.err
    assert "https://platform.claude.com" in done.err
    assert "Traceback" not in done.err
    assert len(workbench("runs", "--json").json) == before


@pytest.mark.parametrize(("backend", "start"), [("ollama", "ollama serve"), ("openai", "LM Studio")])
def test_a_server_that_is_down_is_said_with_what_to_start(
    workbench: Workbench, backend: str, start: str
) -> None:
    done = workbench("demo", "--backend", backend)
    assert done.code == 1
    assert "127.0.0.1:9" in done.err
    assert start in done.err.split("what to do:")[1]


def test_an_unknown_backend_is_wrong_usage(workbench: Workbench) -> None:
    done = workbench("demo", "--backend", "gpt")
    assert done.code == 2
    assert "anthropic" in done.err


def test_a_backend_and_a_profile_that_contradict_each_other_are_refused(workbench: Workbench) -> None:
    done = workbench("demo", "--backend", "ollama", "--profile", "recorded")
    assert done.code == 1
    assert "leave one out" in done.err


def test_the_kill_switch_stops_the_demo_before_it_starts(workbench: Workbench) -> None:
    done = workbench("demo", WORKBENCH_LLM_DISABLED="true")
    assert done.code == 1
    assert "WORKBENCH_LLM_DISABLED" in done.err


def test_without_a_sandbox_the_demo_still_runs_and_says_so_loudly(process: Process, tmp_path: Path) -> None:
    for program in ("git", "tar", "sh"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    done = process("demo", PATH=str(tmp_path))
    assert done.code == 0, done.err
    assert "these tests ran WITHOUT a sandbox" in done.out
    assert "The tests ran WITHOUT a sandbox." in done.out
