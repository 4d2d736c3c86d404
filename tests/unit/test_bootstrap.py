"""The shell functions that set the project up."""

import os
import shlex
import subprocess
from pathlib import Path

from app.settings import ROOT


def bash(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = f"set -euo pipefail; source {shlex.quote(str(ROOT / 'bootstrap.sh'))}; {command}"
    return subprocess.run(
        ["bash", "-c", script], env={**os.environ, **environment}, capture_output=True, text=True
    )


def fake_python(folder: Path, body: str) -> str:
    script = folder / "a python"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return str(script)


def test_an_old_python_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old = fake_python(tmp_path, "echo 3.10; exit 1")
    done = bash("find_python", WORKBENCH_PYTHON=old)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "WORKBENCH_PYTHON" in done.stderr


def test_a_python_at_a_path_with_spaces_is_taken(tmp_path: Path) -> None:
    new = fake_python(tmp_path, "echo 3.12")
    assert bash("find_python", WORKBENCH_PYTHON=new).stdout.strip() == new


def test_an_environment_counts_once_its_stamp_fits(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    venv = shlex.quote(str(tmp_path))
    assert bash(f"is_ready {venv} runtime").returncode == 1
    bash(f"fingerprint {venv} runtime > {venv}/.ready-runtime")
    assert bash(f"is_ready {venv} runtime").returncode == 0
    assert bash(f"is_ready {venv} development").returncode == 1
    fake_python(tmp_path / "bin", "echo another version")
    (tmp_path / "bin" / "a python").rename(tmp_path / "bin" / "python")
    assert bash(f"is_ready {venv} runtime").returncode == 1


def test_a_word_for_the_shell_survives_spaces_and_quotes() -> None:
    awkward = "/home/o'brien/a b/$x"
    quoted = bash(f"quoted {shlex.quote(awkward)}").stdout
    assert shlex.split(quoted) == [awkward]
