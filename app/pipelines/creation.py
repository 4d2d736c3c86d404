"""New runs: what they pin, and their rows, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import insert as sql_insert
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid
from app.pipelines import environments, projects
from app.pipelines.configuration import DEFAULT_POLICY, ConfigurationLoader
from app.pipelines.phases.commit import BRANCH_FOLDER
from app.pipelines.snapshot import Policy, Snapshot
from app.queue.signals import announce
from app.queue.wakeups import wake
from app.tables import DefinitionSnapshot, Event, Pipeline, Priority, Project, State, Target
from app.workspace.repository import branch_commit, head_commit, open_repository

NEEDS_PROJECT = frozenset({"tests", "commit"})


@dataclass(frozen=True)
class Pinned:
    """What new runs are made of: it does not change under them."""

    snapshot: Snapshot
    project_id: int | None
    base_commit: str | None


@dataclass(frozen=True)
class NewRun:
    """One run that is to be."""

    epic_description: str
    priority: Priority = Priority.INTERACTIVE
    retry_of: UUID | None = None
    position: int = 0
    """Index of the phase it begins with."""
    batch_id: UUID | None = None
    batch_item: int | None = None


async def pin(
    database: Database,
    loader: ConfigurationLoader,
    *,
    definition: str,
    project: str | None,
    profile: str | None,
    policy: Policy = DEFAULT_POLICY,
) -> Pinned:
    """The definition and the repository as they are now. Git runs while no transaction is open.

    Raises `NotFound`, `Invalid`, `Conflict`.
    """
    async with database.transaction() as session:
        snapshot = await loader.load(session, definition, profile, policy)
        chosen = await _project(session, snapshot, project)
    if chosen is not None and any(phase.kind == "tests" for phase in snapshot.phases):
        await asyncio.to_thread(environments.check, chosen)  # before anything is paid for
    return Pinned(snapshot, chosen.id if chosen else None, await _base_commit(chosen))


async def keep(session: AsyncSession, snapshot: Snapshot) -> None:
    """Equal snapshots are stored once, and none before something refers to it: they are never removed."""
    known = select(DefinitionSnapshot.sha256).where(DefinitionSnapshot.sha256 == snapshot.sha256)
    if await session.scalar(known) is not None:
        return
    body = snapshot.model_dump(mode="json")
    await session.execute(
        upsert(DefinitionSnapshot).values(sha256=snapshot.sha256, body=body).on_conflict_do_nothing()
    )


async def insert(session: AsyncSession, pinned: Pinned, runs: Sequence[NewRun], *, queue: bool) -> list[UUID]:
    """The rows of new runs, in the caller's transaction. With `queue` workers are told to run them."""
    if not runs:
        return []
    await keep(session, pinned.snapshot)
    ids = [uuid4() for _ in runs]
    events = [("created", {"definition": pinned.snapshot.definition})]
    if queue:
        events.append(("queued", {"target": Target.END.value}))
    await session.execute(
        sql_insert(Pipeline),
        [
            {
                "id": id_,
                "epic_description": run.epic_description,
                "definition": pinned.snapshot.definition,
                "snapshot": pinned.snapshot.sha256,
                "project_id": pinned.project_id,
                "base_commit": pinned.base_commit,
                "state": State.QUEUED if queue else State.CREATED,
                "target": Target.END,
                "position": run.position,
                "priority": run.priority,
                "retry_of": run.retry_of,
                "event_count": len(events),
                **_batch(run),
            }
            for id_, run in zip(ids, runs, strict=True)
        ],
    )
    await session.execute(
        sql_insert(Event),
        [
            {"pipeline_id": id_, "seq": seq, "kind": kind, "data": _data(kind, data, run)}
            for id_, run in zip(ids, runs, strict=True)
            for seq, (kind, data) in enumerate(events, 1)
        ],
    )
    if queue:
        await wake(session, {id_: run.priority for id_, run in zip(ids, runs, strict=True)})
    await announce(session, *ids)
    return ids


def _batch(run: NewRun) -> dict[str, object]:
    if run.batch_id is None:
        return {}
    return {"batch_id": run.batch_id, "batch_item": run.batch_item}


def _data(kind: str, data: dict[str, str], run: NewRun) -> dict[str, str]:
    if kind == "created" and run.retry_of is not None:
        return {**data, "retry_of": str(run.retry_of)}
    return data


async def _project(session: AsyncSession, snapshot: Snapshot, name: str | None) -> Project | None:
    needed = any(phase.kind in NEEDS_PROJECT or phase.apply for phase in snapshot.phases)
    if not needed and name is None:
        return None
    project = await projects.choose(session, name)
    if project is None:
        raise Invalid(
            f"{snapshot.definition} works on a repository and no project is registered: "
            "POST /projects, or workbench run --repo PATH",
            place="project",
        )
    return project


async def _base_commit(project: Project | None) -> str | None:
    """The commit the run starts from, fixed at its creation."""
    if project is None:
        return None
    repository = await open_repository(Path(project.path))
    if await branch_commit(repository, BRANCH_FOLDER) is not None:
        raise Conflict(
            f"{project.path} has a branch {BRANCH_FOLDER!r}, so git can not make "
            f"{BRANCH_FOLDER}/<run id>: rename that branch"
        )
    return await head_commit(repository, project.base_branch)
