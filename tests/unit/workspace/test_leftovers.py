"""Which folders are taken for leftovers, and how they go."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest

from app.workspace.leftovers import remove, run_folders, size, temporary_folders

DAY_S = 86_400.0


def made(path: Path, *, days_ago: float = 0) -> Path:
    """A folder with a file of five bytes, all of it last touched so long ago."""
    path.mkdir(parents=True)
    (path / "file").write_text("12345")
    age(path, days_ago)
    return path


def age(path: Path, days_ago: float) -> None:
    at = time.time() - days_ago * DAY_S
    os.utime(path, (at, at))


def test_the_workspaces_are_the_folders_with_the_id_of_a_run_for_a_name(tmp_path: Path) -> None:
    run = uuid4()
    made(tmp_path / "workspaces" / str(run) / "1" / "files")
    for name in ("notes", str(run).upper() + "0", run.hex):
        made(tmp_path / "workspaces" / name)
    (tmp_path / "workspaces" / str(uuid4())).symlink_to(tmp_path)
    (tmp_path / "workspaces" / str(uuid4())).write_text("a file")
    assert [folder.run for folder in run_folders(tmp_path)] == [run]


def test_a_state_folder_without_workspaces_has_none(tmp_path: Path) -> None:
    assert run_folders(tmp_path) == []


def test_a_workspace_is_idle_since_an_entry_of_its_first_levels_came_or_went(tmp_path: Path) -> None:
    run = tmp_path / "workspaces" / str(uuid4())
    files = made(run / "1" / "files", days_ago=3)
    for folder, days in ((run / "1", 4), (run, 5)):
        age(folder, days)
    (found,) = run_folders(tmp_path)
    assert found.idle_s == pytest.approx(3 * DAY_S, rel=0.01)
    (files / "new").write_text("")
    (found,) = run_folders(tmp_path)
    assert found.idle_s < DAY_S


@pytest.mark.parametrize(
    ("name", "days_ago", "is_left"),
    [
        ("workbench-probes-ab_12xyz", 2, True),
        ("workbench-demo-ab_12xyz", 2, True),
        ("workbench-index-ab_12xyz", 2, True),
        ("workbench-index-ab_12xyz", 0.5, False),
        ("workbench-0-59ad152c7e25", 2, False),
        ("workbench-probes-mine", 2, False),
        ("my-workbench-probes-ab_12xyz", 2, False),
    ],
)
def test_a_temporary_folder_is_left_over_by_its_name_and_age(
    tmp_path: Path, name: str, days_ago: float, is_left: bool
) -> None:
    made(tmp_path / name, days_ago=days_ago)
    found = temporary_folders(idle_s=DAY_S, folder=tmp_path)
    assert [left.path.name for left in found] == ([name] if is_left else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
@pytest.mark.parametrize(("kind", "is_left"), [("index", True), ("probes", False)])
def test_of_other_users_folders_root_takes_only_those_it_hands_out(
    tmp_path: Path, kind: str, is_left: bool
) -> None:
    os.chown(made(tmp_path / f"workbench-{kind}-ab_12xyz", days_ago=2), 65534, 65534)
    assert bool(temporary_folders(idle_s=DAY_S, folder=tmp_path)) is is_left


def test_a_folder_goes_with_all_that_is_in_it_and_says_how_much_that_was(tmp_path: Path) -> None:
    kept = made(tmp_path / "kept")
    folder = made(tmp_path / "gone" / "below").parent
    (folder / "link").symlink_to(kept)
    assert size(folder) == remove(folder)
    assert not folder.exists()
    assert (kept / "file").exists()


def test_a_folder_that_another_process_removed_first_counts_nothing(tmp_path: Path) -> None:
    assert remove(tmp_path / "gone") is None
