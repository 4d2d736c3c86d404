"""Branches that runs make: their names, creating one exactly once, and locks that a killed git left."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from app.errors import Conflict, Invalid
from app.workspace.beneath import open_folder, open_root
from app.workspace.files import escaped
from app.workspace.git import GitError, git, git_text
from app.workspace.placement import descriptor
from app.workspace.repository import Repository, branch_commit

STALE_LOCK_S = 30.0
"""Git holds the lock of a ref for milliseconds; a lock this old was left behind."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]{0,80}")


class BranchExists(Conflict):
    """The branch is there and points at another commit."""

    code = "branch_exists"


class BranchLocked(Conflict):
    """Another git process works on the branch, or was killed a moment ago."""

    code = "branch_locked"


async def check_branch(repo: Repository, name: str) -> str:
    """The name itself. Raises `Invalid` when it is not one that a run may create."""
    if not _NAME.fullmatch(name) or name.startswith("refs/"):
        raise Invalid(f"'{escaped(name)}' is not a branch name: use a-z 0-9 . _ / -, at most 81 characters")
    try:
        await git_text(repo.git, "check-ref-format", "--branch", name)
    except GitError as error:
        raise Invalid(f"git does not take '{name}' as a branch name") from error
    return name


async def publish_commit(
    repo: Repository, branch: str, commit: str, *, stale_lock_s: float = STALE_LOCK_S
) -> None:
    """Create the branch at the commit; it is fine when it is there already with this very commit.

    Raises `BranchExists` for another commit, `BranchLocked` while another git holds the branch.
    """
    await check_branch(repo, branch)
    if await _is_published(repo, branch, commit):
        return
    for _ in range(2):
        try:
            await _create(repo, branch, commit)
            return
        except GitError as error:
            if await _is_published(repo, branch, commit):
                return
            await _explain(repo, branch, error)
            if not _remove_stale_lock(repo, branch, stale_lock_s):
                raise
    raise BranchLocked(f"branch '{branch}' of {repo.path} is locked by another git process; try again")


async def _create(repo: Repository, branch: str, commit: str) -> None:
    nothing = "0" * len(commit)
    who = {"GIT_COMMITTER_NAME": "Workbench", "GIT_COMMITTER_EMAIL": "workbench@localhost"}
    await git(repo.git, "update-ref", f"refs/heads/{branch}", commit, nothing, env=who)


async def _is_published(repo: Repository, branch: str, commit: str) -> bool:
    current = await branch_commit(repo, branch)
    if current is not None and current != commit:
        raise BranchExists(
            f"branch '{branch}' of {repo.path} is at {current[:12]}, not at {commit[:12]}: "
            "rename or delete it to let the run create it",
            branch=branch,
            commit=current,
        )
    return current == commit


async def _explain(repo: Repository, branch: str, error: GitError) -> None:
    """A branch whose name is a folder of ours (`a` and `a/b`) can not exist beside it."""
    parts = branch.split("/")
    for n in range(1, len(parts)):
        if await branch_commit(repo, other := "/".join(parts[:n])):
            raise BranchExists(
                f"branch '{other}' of {repo.path} stands in the way of '{branch}': rename it", branch=other
            ) from error


def _remove_stale_lock(repo: Repository, branch: str, older_than_s: float) -> bool:
    """True when a lock was left behind and is gone now. Raises `BranchLocked` for one that may be alive."""
    folder, _, name = f"refs/heads/{branch}.lock".rpartition("/")
    with (
        suppress(OSError),
        descriptor(open_root(repo.common_dir)) as root,
        descriptor(open_folder(root, folder)) as parent,
    ):
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        age = time.time() - found.st_mtime
        if age < older_than_s or _is_open(found):
            raise BranchLocked(
                f"branch '{branch}' of {repo.path} is locked since {age:.0f} s; try again in a moment, "
                f"or delete {repo.common_dir / folder / name} when no git is running"
            )
        os.unlink(name, dir_fd=parent)
        return True
    return False


def _is_open(found: os.stat_result) -> bool:
    """Whether a process that we may look into has the file open."""
    for process in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for entry in process.iterdir():
                with suppress(OSError):
                    held = entry.stat()
                    if (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino):
                        return True
    return False
