"""What became of the commits of runs on the branch of their project."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.workspace.git import git_text
from app.workspace.repository import Repository

_REVERTS = re.compile(r"This reverts commit ([0-9a-f]{7,64})")


@dataclass(frozen=True)
class Fate:
    """Of those commits that were asked about."""

    merged: frozenset[str]
    """The branch holds them."""
    reverted: frozenset[str]
    """A commit of the branch says that it reverts them."""


async def fate_of(repo: Repository, head: str, commits: Collection[str]) -> Fate:
    """`head`: what the branch points at. A squashed commit has another name, so it counts as not merged."""
    wanted = frozenset(commits)
    if not wanted:
        return Fate(frozenset(), frozenset())
    reached = await git_text(repo.git, "rev-list", "--end-of-options", head)
    messages = await git_text(repo.git, "log", "--format=%b", "--grep=This reverts commit", head, "--")
    named = _REVERTS.findall(messages)
    reverted = {commit for commit in wanted if any(commit.startswith(name) for name in named)}
    return Fate(wanted & frozenset(reached.split()), frozenset(reverted))
