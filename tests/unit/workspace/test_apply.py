"""A change comes into the working copy of a person, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import Invalid
from app.workspace.apply import Applied, CanNotApply, apply_change
from app.workspace.branch import BranchExists
from app.workspace.changes import describe_changes, find_changes
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.removal import BranchInUse, remove_branch
from app.workspace.repository import head_commit, open_repository

RunGit = Callable[..., str]
LINES = "1\n2\n3\n4\n5\n6\n7\n"
CHANGE = (SourceFile("a.txt", LINES.replace("7", "seven")), SourceFile("new/b c.txt", "b\n"))
BRANCH = "workbench/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def project(make_repo: Callable[..., Path]) -> Path:
    return make_repo({"a.txt": LINES, "other.txt": "x\n"})


async def apply(project: Path, run_git: RunGit, *, index: bool = False) -> Applied:
    base = run_git(project, "rev-parse", "HEAD")
    return await apply_change(await open_repository(project), base, CHANGE, index=index)


async def test_the_files_are_written_and_the_index_is_left_alone(project: Path, run_git: RunGit) -> None:
    index = (project / ".git/index").read_bytes()
    assert await apply(project, run_git) == Applied(("a.txt", "new/b c.txt"), (), ())
    assert (project / "a.txt").read_text().endswith("seven\n")
    assert (project / "new/b c.txt").read_text() == "b\n"
    assert (project / ".git/index").read_bytes() == index
    assert await apply(project, run_git) == Applied((), (), ("a.txt", "new/b c.txt"))


async def test_what_a_person_changed_in_other_lines_is_kept(project: Path, run_git: RunGit) -> None:
    (project / "a.txt").write_text(LINES.replace("1", "one"))
    done = await apply(project, run_git)
    assert done.merged == ("a.txt",)
    assert (project / "a.txt").read_text() == "one\n2\n3\n4\n5\n6\nseven\n"


async def test_what_a_person_writes_meanwhile_is_not_lost(
    project: Path, run_git: RunGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a git that takes its time, in which somebody saves the file."""
    git = shutil.which("git")
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin/git"
    mine = f"case \"$*\" in *update-index*) echo mine >> '{project}/a.txt';; esac"
    slow.write_text(f'#!/bin/sh\n{mine}\nexec {git} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    with pytest.raises(CanNotApply, match=r"a\.txt"):
        await apply(project, run_git, index=True)
    assert (project / "a.txt").read_text().startswith(f"{LINES}mine\n")
    assert not (project / "new").exists()
    assert run_git(project, "diff", "--cached") == ""


def own_lines(project: Path) -> None:
    (project / "a.txt").write_text(LINES.replace("7", "77"))


def removed(project: Path) -> None:
    (project / "a.txt").unlink()


def own_file(project: Path) -> None:
    (project / "new").mkdir()
    (project / "new/b c.txt").write_text("mine\n")


def link(project: Path) -> None:
    (project / "a.txt").unlink()
    (project / "a.txt").symlink_to("other.txt")


def linked_folder(project: Path) -> None:
    (project / "new").symlink_to("/tmp")


def folder(project: Path) -> None:
    (project / "new/b c.txt").mkdir(parents=True)


def windows(project: Path) -> None:
    (project / "a.txt").write_bytes(LINES.replace("\n", "\r\n").encode())


@pytest.mark.parametrize("mine", [own_lines, removed, own_file, link, linked_folder, folder, windows])
async def test_one_file_in_the_way_is_named_and_nothing_is_written(
    project: Path, run_git: RunGit, digest: Callable[[Path], str], mine: Callable[[Path], None]
) -> None:
    mine(project)
    before = digest(project)
    with pytest.raises(CanNotApply) as refused:
        await apply(project, run_git)
    [path] = refused.value.details["paths"]
    assert path == ("new/b c.txt" if mine in (own_file, linked_folder, folder) else "a.txt")
    assert path in refused.value.message
    assert digest(project) == before


async def test_with_index_the_files_are_staged_too(project: Path, run_git: RunGit) -> None:
    await apply(project, run_git, index=True)
    assert run_git(project, "status", "--porcelain=v1").splitlines() == ["M  a.txt", 'A  "new/b c.txt"']


async def test_with_index_an_unstaged_change_is_in_the_way(
    project: Path, run_git: RunGit, digest: Callable[[Path], str]
) -> None:
    (project / "a.txt").write_text(LINES.replace("1", "one"))
    before = digest(project / ".git" / "refs"), (project / ".git/index").read_bytes()
    with pytest.raises(CanNotApply, match="not staged"):
        await apply(project, run_git, index=True)
    assert (digest(project / ".git" / "refs"), (project / ".git/index").read_bytes()) == before
    assert not (project / "new").exists()
    run_git(project, "add", "a.txt")
    assert (await apply(project, run_git, index=True)).merged == ("a.txt",)


async def test_a_locked_index_leaves_the_files_as_they_are(project: Path, run_git: RunGit) -> None:
    (project / ".git/index.lock").touch()
    with pytest.raises(Exception, match=r"index\.lock"):
        await apply(project, run_git, index=True)
    assert (project / "a.txt").read_text() == LINES


async def test_a_bare_repository_and_a_hostile_path_are_refused(
    project: Path, run_git: RunGit, tmp_path: Path
) -> None:
    base = run_git(project, "rev-parse", "HEAD")
    run_git(tmp_path, "clone", "-q", "--bare", str(project), "bare")
    with pytest.raises(Invalid, match="no working copy"):
        await apply_change(await open_repository(tmp_path / "bare"), base, CHANGE)
    for path in (".git/hooks/pre-commit", "../x"):
        with pytest.raises((UnsafePath, CanNotApply)):
            await apply_change(await open_repository(project), base, [SourceFile(path, "x")])
    assert not (project / ".git/hooks/pre-commit").exists()
    assert not (tmp_path / "x").exists()


async def test_the_files_of_another_user_stay_that_users(foreign_repo: Path) -> None:
    repo = await open_repository(foreign_repo)
    base = await head_commit(repo)
    await apply_change(
        repo, base, [SourceFile("app/main.py", "print(2)\n"), SourceFile("x/y", "y\n")], index=True
    )
    assert {(foreign_repo / name).stat().st_uid for name in ("app/main.py", "x", "x/y", ".git/index")} == {
        12345
    }


async def test_a_diff_is_a_patch_that_git_takes(project: Path, run_git: RunGit, tmp_path: Path) -> None:
    base = run_git(project, "rev-parse", "HEAD")
    repo = await open_repository(project)
    (tmp_path / "patch").write_text(await describe_changes(repo, base, CHANGE))
    changes = await find_changes(repo, base, [*CHANGE, SourceFile("other.txt", "x\n")])
    assert [(c.path, c.status, c.added, c.removed) for c in changes.files] == [
        ("a.txt", "modified", 1, 1),
        ("new/b c.txt", "added", 1, 0),
    ]
    run_git(project, "apply", str(tmp_path / "patch"))
    assert (await apply(project, run_git)).present == ("a.txt", "new/b c.txt")


async def test_a_branch_is_deleted_only_while_nobody_took_it_over(
    project: Path, run_git: RunGit, tmp_path: Path
) -> None:
    repo = await open_repository(project)
    tree = run_git(project, "rev-parse", "HEAD^{tree}")
    made = run_git(project, "commit-tree", tree, "-p", "HEAD", "-m", "Made by a run")
    run_git(project, "branch", BRANCH, made)
    run_git(project, "tag", "kept", made)
    with pytest.raises(BranchInUse, match="refs/tags/kept"):
        await remove_branch(repo, BRANCH, made)
    run_git(project, "tag", "-d", "kept")
    run_git(project, "worktree", "add", "-q", str(tmp_path / "look"), BRANCH)
    with pytest.raises(BranchInUse, match="checked out"):
        await remove_branch(repo, BRANCH, made)
    run_git(tmp_path / "look", "commit", "-q", "--allow-empty", "-m", "Mine")
    with pytest.raises(BranchExists, match="went on"):
        await remove_branch(repo, BRANCH, made)
    run_git(tmp_path / "look", "reset", "-q", "--hard", made)
    run_git(project, "worktree", "remove", str(tmp_path / "look"))
    assert await remove_branch(repo, BRANCH, made)
    assert not await remove_branch(repo, BRANCH, made)
