"""Whether a repository holds what the service says it committed, and nothing else of the service's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.workspace.branch import STALE_LOCK_S
from app.workspace.commit import RUN_ID
from app.workspace.git import GitError, git
from app.workspace.message import trailers_of
from app.workspace.repository import Repository

FSCK_TIMEOUT_S = 1800.0
MOST_BYTES = 1024**3
"""Of names and messages of the branches that runs made: room for some millions."""


@dataclass(frozen=True)
class Promised:
    """What the database says about the commit of one run."""

    parent: str
    commit: str | None
    """The hash that was recorded; None: the run has not succeeded, so its branch may or may not be there."""


@dataclass(frozen=True)
class Branch:
    """A branch that a run made, as it is now."""

    tip: str
    parents: tuple[str, ...]
    run_id: str | None
    """The trailer of its newest commit."""


async def branches(repo: Repository, folder: str) -> dict[str, Branch]:
    """Name below the folder → branch, by one command however many there are."""
    fields = "%(refname)%00%(objectname)%00%(parent)%00%(contents)%00"
    output = await git(
        repo.git, "for-each-ref", f"--format={fields}", f"refs/heads/{folder}/", limit=MOST_BYTES
    )
    texts = output.decode("utf-8", "replace").split("\0")
    found = [texts[n : n + 4] for n in range(0, len(texts) - 3, 4)]
    return {
        name.strip().removeprefix(f"refs/heads/{folder}/"): Branch(
            tip, tuple(parents.split()), trailers_of(message).get(RUN_ID)
        )
        for name, tip, parents, message in found
    }


async def faults(
    repo: Repository, folder: str, promised: Mapping[str, Promised], known: frozenset[str]
) -> AsyncIterator[tuple[str, str]]:
    """(run, what is wrong). `known`: runs that made branches without a promise, and must not have."""
    made = await branches(repo, folder)
    for run_id, promise in promised.items():
        branch = made.get(run_id)
        if branch is None:
            if promise.commit is not None and not await _is_held(repo, promise.commit):
                yield run_id, f"succeeded, and no branch holds its commit {promise.commit[:12]}"
        elif (what := await _wrong(repo, run_id, branch, promise)) is not None:
            yield run_id, what
    for run_id in (made.keys() & known) - promised.keys():
        yield run_id, f"has the branch {folder}/{run_id} and never had the intent to commit"


async def integrity(repo: Repository) -> str | None:
    """What `git fsck --strict` says; None: all is well."""
    try:
        await git(
            repo.git, "fsck", "--strict", "--no-dangling", "--no-progress", limit=MOST_BYTES,
            timeout_s=FSCK_TIMEOUT_S,
        )  # fmt: skip
    except GitError as error:
        return f"git fsck --strict: {error.stderr or error.message}"
    return None


async def left_locks(repo: Repository, folder: str, older_than_s: float = STALE_LOCK_S) -> list[Path]:
    """Locks of branches below the folder that nobody can be holding any more."""
    return await asyncio.to_thread(_locks, repo.common_dir / "refs" / "heads" / folder, older_than_s)


def _locks(folder: Path, older_than_s: float) -> list[Path]:
    newest = time.time() - older_than_s
    return sorted(path for path in folder.rglob("*.lock") if path.lstat().st_mtime < newest)


async def _wrong(repo: Repository, run_id: str, branch: Branch, promise: Promised) -> str | None:
    if branch.parents == (promise.parent,) and branch.run_id == run_id:
        return _other(promise.commit, branch.tip)
    # a person may have gone on with the branch, so its newest commit says nothing yet
    own = await _commits_of(repo, run_id, promise.parent, branch.tip)
    if len(own) != 1:
        return f"its branch holds {len(own)} commits with its Run-Id over {promise.parent[:12]}, not 1"
    return _other(promise.commit, own[0])


def _other(recorded: str | None, found: str) -> str | None:
    if recorded in (None, found):
        return None
    return f"recorded the commit {str(recorded)[:12]}, and its branch holds {found[:12]}"


async def _commits_of(repo: Repository, run_id: str, parent: str, tip: str) -> list[str]:
    """Commits above the parent that carry the run's trailer."""
    output = await git(
        repo.git, "rev-list", "--format=%H%x00%B%x00", "--end-of-options", tip, f"^{parent}", "--"
    )
    texts = output.decode("utf-8", "replace").split("\0")
    found = [tuple(texts[n : n + 2]) for n in range(0, len(texts) - 1, 2)]
    return [head.rsplit("\n", 1)[-1] for head, message in found if trailers_of(message).get(RUN_ID) == run_id]


async def _is_held(repo: Repository, commit: str) -> bool:
    """Whether any ref reaches it: a person may merge a branch and delete it."""
    try:
        found = await git(
            repo.git, "for-each-ref", "--count=1", "--format=%(refname)", f"--contains={commit}"
        )
    except GitError:  # there is no such commit
        return False
    return bool(found.strip())
