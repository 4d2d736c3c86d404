"""`diff`, `apply`, `discard` and `push`: from the commit of a run to the files of a person."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

from tests.e2e.cli.answers import cassette, code, review
from tests.e2e.cli.command import InProcess, Workbench, git
from tests.e2e.cli.test_run import EPIC, SUBTRACT, TEST, run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def committed(workbench: Workbench, repository: Path, folder: Path) -> str:
    """Id of a run that changed two files."""
    answers = code({"calc.py": SUBTRACT, "tests/test_sub.py": TEST}), review(tests=2)
    done = run(workbench, repository, cassette(folder / "a", EPIC, *answers), "--json")
    assert done.code == 0, done.err
    return str(done.json["id"])


def test_from_the_first_answer_to_the_working_copy(
    workbench: Workbench, surroundings: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    answers = code({"calc.py": SUBTRACT, "tests/test_sub.py": TEST}), review(tests=2)
    recording = cassette(tmp_path / "a", EPIC, *answers)
    made = run(workbench, repository, recording, "--step", "--json").json["id"]
    before = workbench("diff", made)
    assert "+def sub(a, b):" in before.out
    assert "\x1b" not in before.out
    subprocess.run(
        ["git", "-C", str(repository), "apply", "--check"], input=before.out, text=True, check=True
    )
    assert workbench("run", "--resume", made, WORKBENCH_CASSETTE=recording).code == 0
    assert workbench("diff", made).out == before.out
    stat = workbench("diff", made, "--stat").out
    assert "calc.py" in stat
    assert "2 files, 9 lines more, 0 lines less" in stat
    assert [file["status"] for file in workbench("diff", made, "--json").json["files"]] == [
        "modified",
        "added",
    ]
    shown = InProcess(surroundings, Terminal)("diff", made, TERM="xterm-256color")
    assert "\x1b[32m+def sub(a, b):" in shown.out

    body = workbench("show", made, "--document", "pull_request").out
    assert body.startswith(f"# {EPIC}\n")
    assert "| M | `calc.py` |" in body

    applied = workbench("apply", made)
    assert (applied.code, applied.out) == (0, "wrote calc.py\nwrote tests/test_sub.py\n")
    assert (repository / "calc.py").read_text() == SUBTRACT
    assert git(repository, "diff", "--cached", "--name-only") == ""
    assert "nothing was left to do" in workbench("apply", made).out


def test_a_file_in_the_way_of_a_change_is_named(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    made = committed(workbench, repository, tmp_path)
    (repository / "calc.py").write_text("unfinished work\n")
    refused = workbench("apply", made)
    assert refused.code == 1
    assert "calc.py: you changed the same lines" in refused.err
    assert not (repository / "tests/test_sub.py").exists()


def test_a_run_is_discarded_once_and_only_when_that_was_said(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    made = committed(workbench, repository, tmp_path)
    branch = f"workbench/{made}"
    assert "say so with --yes" in workbench("discard", made).err
    git(repository, "tag", "mine", branch)
    assert "refs/tags/mine" in workbench("discard", made, "--yes").err
    git(repository, "tag", "-d", "mine")
    assert workbench("discard", made, "--yes", "--json").json["branch"] == branch
    assert git(repository, "branch", "--list", branch) == ""
    assert workbench("discard", made, "--yes").code == 0
    assert f"{made[:8]}  succeeded, discarded" in workbench("runs").out
    assert "discarded" in workbench("show", made, "--events").out
    assert workbench("doctor", "--invariants").code == 0
    assert "was discarded" in workbench("push", made).err


def test_a_run_of_a_project_with_no_remote_is_not_pushed(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    made = committed(workbench, repository, tmp_path)
    refused = workbench("push", made)
    assert refused.code == 1
    assert "names no remote" in refused.err
    assert workbench("show", made, "--json").json["push"] is None
