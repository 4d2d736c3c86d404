"""A commit made by plumbing: no work tree, no hook, no filter; the same plan gives the same hash."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.errors import Conflict, Invalid
from app.workspace.branch import check_branch
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.git import Caller, git
from app.workspace.message import trailers_of
from app.workspace.paths import check_path
from app.workspace.repository import LINK, SUBMODULE, Repository, branch_commit, tracked_files

SERVICE_NAME = "Workbench"
SERVICE_EMAIL = "workbench@localhost"
"""The committer of every commit that the service makes."""

RUN_ID = "Run-Id"
_SEARCHED = 200
"""How many commits below the branch are searched for the trailer."""


class NothingToCommit(Conflict):
    """The files are what the parent holds already."""

    code = "nothing_to_commit"


@dataclass(frozen=True)
class CommitPlan:
    """All that decides the hash of a commit."""

    branch: str
    parent: str
    message: str
    """From `commit_message`."""
    at: datetime
    """Author and committer date; aware."""
    files: tuple[SourceFile, ...]
    author_name: str = SERVICE_NAME
    author_email: str = SERVICE_EMAIL


async def build_commit(repo: Repository, plan: CommitPlan) -> str:
    """Write the objects of the commit and return its hash; no ref changes.

    Raises `NothingToCommit` for no change and `UnsafePath` for a file that may not be written.
    """
    await check_branch(repo, plan.branch)
    identity = _identity(plan)
    modes = {entry.path: entry.mode for entry in await tracked_files(repo, plan.parent)}
    lines = []
    for file in plan.files:
        # control files were judged when the file was accepted; everything else is checked again
        path = check_path(file.path, permitted=frozenset({file.path.rpartition("/")[2]}))
        mode = _mode(path, modes)
        name = await git(repo.git, "hash-object", "--no-filters", "-w", "--stdin", stdin=file.data())
        lines.append(f"{mode} {name.decode().strip()}\t{path}\0".encode())
    with _private_index(repo.git) as env:
        await git(repo.git, "read-tree", "--end-of-options", f"{plan.parent}^{{tree}}", env=env)
        await git(repo.git, "update-index", "-z", "--index-info", stdin=b"".join(lines), env=env)
        tree = (await git(repo.git, "write-tree", env=env)).decode().strip()
    before = await git(repo.git, "rev-parse", "--verify", "--end-of-options", f"{plan.parent}^{{tree}}")
    if before.decode().strip() == tree:
        raise NothingToCommit(f"the files are the same as in {plan.parent[:12]}: there is nothing to commit")
    made = await git(
        repo.git, "commit-tree", tree, "-p", plan.parent, stdin=plan.message.encode("utf-8"), env=identity
    )
    return made.decode().strip()


async def find_commit(
    repo: Repository,
    branch: str,
    run_id: str,
    *,
    commit: str | None = None,
    author_email: str = SERVICE_EMAIL,
) -> str | None:
    """The run's commit on the branch: by its hash where that is known, else by the `Run-Id` trailer.

    A trailer counts only in a commit that the service committed, by the author that it names.
    """
    if await branch_commit(repo, branch) is None:
        return None
    fields = "%H%x00%ae%x00%cn%x00%ce%x00%B%x00"
    output = await git(
        repo.git, "rev-list", f"--max-count={_SEARCHED}", f"--format={fields}", f"refs/heads/{branch}", "--"
    )
    texts = output.decode("utf-8", "replace").split("\0")
    found = [tuple(texts[n : n + 5]) for n in range(0, len(texts) - 4, 5)]
    hashes = {head.rsplit("\n", 1)[-1]: rest for head, *rest in found}
    if commit in hashes:
        return commit
    for name, (author, committer, email, message) in hashes.items():
        ours = (author, committer, email) == (author_email, SERVICE_NAME, SERVICE_EMAIL)
        if ours and trailers_of(message).get(RUN_ID) == run_id:
            return name
    return None


async def commit_files(repo: Repository, commit: str) -> list[tuple[str, str]]:
    """(status, path) of each file that the commit changed; status is A, M, D or T."""
    output = await git(
        repo.git, "diff-tree", "--root", "-r", "--no-commit-id", "--no-renames", "--no-ext-diff",
        "--name-status", "-z", "--end-of-options", commit,
    )  # fmt: skip
    parts = output.decode("utf-8", "surrogateescape").split("\0")
    return list(zip(parts[0:-1:2], parts[1::2], strict=True))


def _mode(path: str, modes: Mapping[str, str]) -> str:
    mode = modes.get(path, "100644")
    if mode in (LINK, SUBMODULE):
        raise UnsafePath(path, "not_a_file", "the base commit has a link or a submodule there")
    return mode


def _identity(plan: CommitPlan) -> dict[str, str]:
    if any(c in "<>" or not c.isprintable() for c in plan.author_name + plan.author_email):
        raise Invalid("the author's name and address need printable characters without < and >")
    if plan.at.tzinfo is None:
        raise Invalid("the time of a commit needs a time zone")
    when = f"@{int(plan.at.astimezone(UTC).timestamp())} +0000"
    return {
        "GIT_AUTHOR_NAME": plan.author_name,
        "GIT_AUTHOR_EMAIL": plan.author_email,
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": SERVICE_NAME,
        "GIT_COMMITTER_EMAIL": SERVICE_EMAIL,
        "GIT_COMMITTER_DATE": when,
    }


@contextmanager
def _private_index(caller: Caller) -> Iterator[dict[str, str]]:
    """The environment that gives git an index of its own, in a folder that the caller may write."""
    with tempfile.TemporaryDirectory(prefix="workbench-index-") as folder:
        if caller.user is not None:
            os.chown(folder, caller.user, caller.group if caller.group is not None else -1)
        yield {"GIT_INDEX_FILE": str(Path(folder) / "index")}
