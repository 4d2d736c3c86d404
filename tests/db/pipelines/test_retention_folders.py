"""Which workspaces and temporary folders pruning removes."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.db import Database
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.pruner import Pruner
from app.tables import State
from app.workspace.workspace import workspace_folder
from tests.db.past import FINISHED, Past

WEEK = Policy(workspaces=timedelta(days=7))


def workspace(state_dir: Path, run: UUID, *, days_ago: float = 0) -> Path:
    """A workspace with one file of five bytes; its folder."""
    files = workspace_folder(state_dir, str(run), 3)
    files.mkdir(parents=True)
    (files / "file").write_text("12345")
    at = time.time() - days_ago * 86_400
    for folder in (files, files.parent, files.parents[1]):
        os.utime(folder, (at, at))
    return files.parents[1]


def pruner(database: Database, folder: Path, policy: Policy = WEEK) -> Pruner:
    return Pruner(database, folder, policy, temporary=folder / "tmp")


async def test_the_workspace_of_a_run_goes_a_week_after_its_end(past: Past, tmp_path: Path) -> None:
    old, young = [
        workspace(tmp_path, (await past.run(State.FAILED, days_ago=days, rows=False)).id) for days in (8, 6)
    ]
    assert await pruner(past.database, tmp_path).prune() == Pruned(workspaces=1, bytes=5)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("state", sorted(set(State) - FINISHED))
async def test_the_workspace_of_a_run_that_is_not_finished_stays(
    past: Past, tmp_path: Path, state: State
) -> None:
    run = await past.run(state, days_ago=1000, rows=False)
    folder = workspace(tmp_path, run.id, days_ago=1000)
    assert await pruner(past.database, tmp_path, Policy(workspaces=timedelta(0))).prune() == Pruned()
    assert folder.exists()


@pytest.mark.parametrize(
    ("policy", "days_ago", "gone"),
    [
        (WEEK, 8, True),
        (WEEK, 6, False),
        (Policy(workspaces=timedelta(0)), 2, True),
        (Policy(workspaces=timedelta(0)), 0.5, False),
        (Policy(), 1000, False),
    ],
)
async def test_a_workspace_that_the_database_does_not_know_is_given_at_least_a_day(
    database: Database, tmp_path: Path, policy: Policy, days_ago: float, gone: bool
) -> None:
    folder = workspace(tmp_path, uuid4(), days_ago=days_ago)
    await pruner(database, tmp_path, policy).prune()
    assert folder.exists() is not gone


async def test_a_preview_counts_folders_and_leaves_them(past: Past, tmp_path: Path) -> None:
    folder = workspace(tmp_path, (await past.run(days_ago=8, rows=False)).id)
    assert await pruner(past.database, tmp_path).preview() == Pruned(workspaces=1, bytes=5)
    assert folder.exists()


async def test_what_a_killed_process_left_in_the_temp_folder_goes_after_a_day(
    database: Database, tmp_path: Path
) -> None:
    for name, days in (("workbench-index-abcdefgh", 2), ("workbench-index-ijklmnop", 0)):
        folder = tmp_path / "tmp" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - days * 86_400,) * 2)
    assert await pruner(database, tmp_path, Policy()).prune() == Pruned(temporary=1)
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["workbench-index-ijklmnop"]


async def test_every_machine_clears_its_own_folders_whoever_prunes_the_rows(
    past: Past, tmp_path: Path
) -> None:
    run = await past.run(days_ago=8, rows=False)
    here, there = workspace(tmp_path / "here", run.id), workspace(tmp_path / "there", run.id)
    for name in ("here", "there"):
        await pruner(past.database, tmp_path / name).tick()
    assert not here.exists()
    assert not there.exists()
