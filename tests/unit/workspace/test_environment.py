"""What the commands of a project find its dependencies in."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.pipelines.manifests import is_manifest
from app.workspace.environment import Environment, made, own_python


def put(python: Path) -> Path:
    python.parent.mkdir(parents=True)
    python.write_text("")
    return python


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_the_environment_of_a_repository_is_found(tmp_path: Path, name: str) -> None:
    assert own_python(tmp_path) is None
    python = put(tmp_path / name / "bin" / "python")
    assert own_python(tmp_path) == python


def test_what_was_set_up_is_shown_named_and_first_in_the_path(tmp_path: Path) -> None:
    command = Environment(folder=tmp_path).command(("{environment}/bin/x", "y"))
    assert command.argv == (f"{tmp_path}/bin/x", "y")
    assert command.env["WORKBENCH_ENVIRONMENT"] == str(tmp_path)
    assert command.env["PATH"].startswith(f"{tmp_path}/bin:")
    assert (command.access.folders, command.access.writable) == ((tmp_path,), None)


def test_without_a_set_up_nothing_more_is_shown() -> None:
    command = Environment().command(("true",))
    assert (command.env, command.access.folders) == ({}, ())


def test_a_set_up_environment_has_a_python_only_where_one_was_made(tmp_path: Path) -> None:
    assert made(tmp_path).python is None
    python = put(tmp_path / "bin" / "python")
    assert made(tmp_path) == Environment(python, tmp_path)


@pytest.mark.parametrize(
    "path",
    ["requirements.txt", "requirements-dev.txt", "a/b/pyproject.toml", "go.sum", "package-lock.json",
     "requirements/base.txt", "services/x/requirements/test.in", "Cargo.lock", "pom.xml"],
)  # fmt: skip
def test_the_files_that_name_dependencies_are_known(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize("path", ["app.py", "requirements/readme.md", "docs/go.sum.md", "my-package.json"])
def test_other_files_are_no_manifests(path: str) -> None:
    assert not is_manifest(path)
