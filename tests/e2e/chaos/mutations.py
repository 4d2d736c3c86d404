"""The guards that keep effects single, each with a way to do without it: the program must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import NotFound
from app.pipelines import checkpoints, leases
from app.pipelines.leases import Lease
from app.pipelines.phases import commit
from app.tables import Pipeline
from app.worker import worker
from app.workspace.commit import CommitPlan
from app.workspace.commit import build_commit as build
from app.workspace.git import git
from app.workspace.repository import Repository, branch_commit


@dataclass(frozen=True)
class Guard:
    """What it is, and how a worker does without it."""

    means: str
    switch_off: Callable[[], None]
    statements: tuple[str, ...] = ()
    """What is changed in the database before the first run."""


def _without_fence() -> None:
    """Whoever once held the run may write to it."""
    compared = "AND fence = %(fence)s AND worker IS NOT NULL"
    checkpoints.RUN = _without(checkpoints.RUN, compared)
    checkpoints.APPEND = _without(checkpoints.APPEND, compared)

    async def fenced(session: AsyncSession, lease: Lease) -> Pipeline:
        row = await session.scalar(select(Pipeline).where(Pipeline.id == lease.pipeline_id).with_for_update())
        if row is None:
            raise NotFound(f"no pipeline {lease.pipeline_id}")
        return row

    leases.fenced = fenced


def _without_lease() -> None:
    """Nobody looks at the time of a lease: a dead worker holds its runs for ever."""
    looked_at = "OR state = 'running' AND lease_expires_at < clock_timestamp()"
    leases.TAKE = _without(leases.TAKE, looked_at)
    leases.TAKE_MANY = _without(leases.TAKE_MANY, looked_at)


def _without_trailer() -> None:
    """A commit on top of whatever the branch holds: no search for the run's trailer, no compare-and-swap."""

    async def build_commit(repo: Repository, plan: CommitPlan) -> str:
        made = await build(repo, plan)
        tip = await branch_commit(repo, plan.branch)
        if tip is None:
            return made
        who = {f"GIT_{role}_{part}": "w" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        on_top = await git(
            repo.git, "commit-tree", f"{made}^{{tree}}", "-p", tip, stdin=plan.message.encode(), env=who
        )
        return on_top.decode().strip()

    async def find_commit(*_: Any, **__: Any) -> None:
        return None

    async def publish_commit(repo: Repository, branch: str, made: str, **_: Any) -> None:
        await git(repo.git, "update-ref", f"refs/heads/{branch}", made)

    vars(commit).update(build_commit=build_commit, find_commit=find_commit, publish_commit=publish_commit)


def _without_sweep() -> None:
    """A wake-up that is lost stays lost."""

    async def find_nothing(database: Database) -> int:
        return 0

    vars(worker).update(sweep=find_nothing, find_orphans=find_nothing)


def _without(text: str, part: str) -> str:
    if part not in text:
        raise SystemExit(f"this mutation is out of date: there is no {part!r} any more")
    return text.replace(part, "")


UNIQUE = (
    "ALTER TABLE phase_runs DROP CONSTRAINT uq_phase_runs_pipeline_id_phase_item_round_try",
    "DROP INDEX one_running_phase_run",
    "ALTER TABLE artifacts DROP CONSTRAINT uq_artifacts_pipeline_id_name_version",
    "DROP INDEX one_current_artifact",
)

GUARDS = {
    "fence": Guard("the comparison of the fence in every write", _without_fence),
    "unique": Guard(
        "the unique keys of phase runs and artifacts, which stand behind the fence (it is off too)",
        _without_fence,
        UNIQUE,
    ),
    "trailer": Guard("the search for the trailer and the compare-and-swap of the branch", _without_trailer),
    "lease": Guard("the end of a lease", _without_lease),
    "sweep": Guard("the search for lost wake-ups", _without_sweep),
}
