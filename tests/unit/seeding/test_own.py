"""The project `self` is the checkout, as it is tested by hand, with room for its tests."""

from __future__ import annotations

import sys
from pathlib import Path

from app.seeding.own import GATES, own_project
from app.workspace.sandbox.limits import Limits


def test_a_folder_that_is_no_checkout_is_no_project(tmp_path: Path) -> None:
    assert own_project((), tmp_path) is None


def test_a_checkout_is_the_project_self_with_its_own_tests(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = own_project(("ruff", "another"), tmp_path)
    assert made is not None
    assert (made.name, made.path, made.python) == ("self", str(tmp_path), sys.executable)
    assert made.test_command[:3] == ("{python}", "-m", "pytest")
    assert made.gates == ("ruff",)
    assert own_project(GATES, tmp_path) == made.model_copy(update={"gates": GATES})


def test_its_tests_run_in_the_environment_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # a linked worktree
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    made = own_project((), tmp_path)
    assert made is not None
    assert made.python == str(python)


def test_it_gets_more_room_than_other_projects(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = own_project((), tmp_path)
    assert made is not None
    usual, own = Limits(), made.sandbox.over(Limits())
    assert all(getattr(own, name) >= getattr(usual, name) for name in vars(usual))
