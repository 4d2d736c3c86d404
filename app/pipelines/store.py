"""Queries over runs: read, list by page, and their phase runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import String, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.pipelines.snapshot import Snapshot
from app.tables import DefinitionSnapshot, Outcome, PhaseRun, Pipeline, Project


class UnreadableSnapshot(Conflict):
    """The run was started by another version of the service, or its snapshot was not written by it."""

    code = "unreadable_snapshot"


@dataclass(frozen=True)
class Cursor:
    """Where a page ends: the last row on it."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True)
class Place:
    """The repository of a run, and for how long nothing has happened to the run."""

    path: str
    waited_s: float

    def is_here(self) -> bool:
        return Path(self.path).is_dir()


async def get(session: AsyncSession, pipeline_id: UUID, *, lock: bool = False) -> Pipeline:
    """Raises `NotFound`."""
    query = select(Pipeline).where(Pipeline.id == pipeline_id)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no pipeline {pipeline_id}")
    return row


async def beginning_with(session: AsyncSession, start: str, limit: int = 10) -> Sequence[UUID]:
    """Ids that begin with this text, newest first."""
    rows = await session.scalars(
        select(Pipeline.id)
        .where(cast(Pipeline.id, String).startswith(start, autoescape=True))
        .order_by(Pipeline.created_at.desc())
        .limit(limit)
    )
    return rows.all()


async def place(session: AsyncSession, pipeline_id: UUID) -> Place | None:
    """Where the repository of a run is; None for a run without one."""
    last = func.greatest(Pipeline.updated_at, Pipeline.lease_expires_at)  # a long phase updates nothing
    waited = func.extract("epoch", func.clock_timestamp() - last)
    row = (
        await session.execute(
            select(Project.path, waited)
            .join(Pipeline, Pipeline.project_id == Project.id)
            .where(Pipeline.id == pipeline_id)
        )
    ).one_or_none()
    return None if row is None else Place(row[0], float(row[1]))


async def page(
    session: AsyncSession, *, after: Cursor | None, limit: int, state: str | None = None
) -> Sequence[Pipeline]:
    """Newest first, the rows that come after the cursor."""
    query = select(Pipeline).order_by(Pipeline.created_at.desc(), Pipeline.id.desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(Pipeline.created_at, Pipeline.id) < (after.created_at, after.id))
    if state is not None:
        query = query.where(Pipeline.state == state)
    return (await session.scalars(query)).all()


async def snapshot(session: AsyncSession, sha256: str) -> Snapshot:
    """What the run pinned. Raises `UnreadableSnapshot`."""
    body = await session.scalar(select(DefinitionSnapshot.body).where(DefinitionSnapshot.sha256 == sha256))
    if body is None:
        raise NotFound(f"no snapshot {sha256}")
    try:
        return Snapshot.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableSnapshot(
            "the run pinned a configuration that this version of the service can not read "
            f"({place}: {first['msg']}); start a new run",
            place=place,
        ) from error


async def phase_runs(session: AsyncSession, pipeline_id: UUID) -> Sequence[PhaseRun]:
    """Oldest first."""
    rows = await session.scalars(
        select(PhaseRun).where(PhaseRun.pipeline_id == pipeline_id).order_by(PhaseRun.id)
    )
    return rows.all()


async def tries(session: AsyncSession, pipeline_id: UUID, phase: str, item: str, round_: int) -> int:
    """How many phase runs there are of this phase, item and round."""
    count = await session.scalar(
        select(func.count()).where(
            PhaseRun.pipeline_id == pipeline_id,
            PhaseRun.phase == phase,
            PhaseRun.item == item,
            PhaseRun.round == round_,
        )
    )
    return count or 0


async def rejections(session: AsyncSession, pipeline_id: UUID, phase: str) -> int:
    """How often this phase sent the work back."""
    count = await session.scalar(
        select(func.count()).where(
            PhaseRun.pipeline_id == pipeline_id,
            PhaseRun.phase == phase,
            PhaseRun.outcome.in_((Outcome.REJECTED, Outcome.SUSPECT)),
        )
    )
    return count or 0


async def last_rejection(session: AsyncSession, pipeline_id: UUID) -> PhaseRun | None:
    """The phase run that sent the work back last."""
    return await session.scalar(
        select(PhaseRun)
        .where(
            PhaseRun.pipeline_id == pipeline_id,
            PhaseRun.outcome.in_((Outcome.REJECTED, Outcome.SUSPECT)),
        )
        .order_by(PhaseRun.id.desc())
        .limit(1)
    )
