"""Deletes the branch of a run, when nothing but the run itself would be lost."""

from __future__ import annotations

from app.errors import Conflict
from app.workspace.branch import BranchExists, check_branch
from app.workspace.git import git, git_text
from app.workspace.repository import Repository, branch_commit


class BranchInUse(Conflict):
    """Somebody took the commit over, or works on the branch."""

    code = "branch_in_use"


async def check_removable(repo: Repository, branch: str, commit: str) -> bool:
    """Whether there is a branch to delete. Raises `BranchExists`, `BranchInUse` with what is in the way."""
    await check_branch(repo, branch)
    current = await branch_commit(repo, branch)
    if current is None:
        return False
    if current != commit:
        raise BranchExists(
            f"branch '{branch}' is at {current[:12]}, not at the run's {commit[:12]}: "
            "somebody went on with it, so it stays",
            branch=branch,
            commit=current,
        )
    fields = "%(refname)%00%(worktreepath)"
    refs = await git_text(repo.git, "for-each-ref", f"--format={fields}", f"--contains={commit}")
    pairs = [line.split("\0") for line in refs.splitlines()]
    holders = sorted(name for name, _ in pairs if name != f"refs/heads/{branch}")
    if holders:
        raise BranchInUse(f"{', '.join(holders[:5])} holds the commit of '{branch}': it was taken over")
    folder = next((path for _, path in pairs if path), None)
    if folder is not None:
        raise BranchInUse(f"branch '{branch}' is checked out in {folder}: change to another one first")
    return True


async def remove_branch(repo: Repository, branch: str, commit: str) -> bool:
    """Delete it at exactly this commit; False: there is none. Raises what `check_removable` raises."""
    if not await check_removable(repo, branch, commit):
        return False
    await git(repo.git, "update-ref", "-d", f"refs/heads/{branch}", commit)
    return True
