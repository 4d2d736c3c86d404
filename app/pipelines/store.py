"""Queries over runs: read, list by page, and their phase runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.pipelines import snapshots
from app.pipelines.snapshot import Snapshot
from app.tables import DefinitionSnapshot, PhaseRun, Pipeline, State

_HEX = re.compile("[0-9a-f]{1,32}")


@dataclass(frozen=True)
class Cursor:
    """Where a page ends: the last row on it."""

    created_at: datetime
    id: UUID


async def get(session: AsyncSession, pipeline_id: UUID, *, lock: bool = False) -> Pipeline:
    """Raises `NotFound`."""
    query = select(Pipeline).where(Pipeline.id == pipeline_id)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no pipeline {pipeline_id}")
    return row


async def beginning_with(session: AsyncSession, start: str, limit: int = 10) -> Sequence[UUID]:
    """Ids that begin with this text, newest first."""
    ends = ids_from(start)
    if ends is None:
        return []
    query = select(Pipeline.id).where(Pipeline.id.between(*ends))
    return (await session.scalars(query.order_by(Pipeline.created_at.desc()).limit(limit))).all()


def ids_from(start: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begin with this text: an index finds what is between. None: none can."""
    digits = start.lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return (first, last) if str(first).startswith(start.lower()) else None


async def page(
    session: AsyncSession, *, after: Cursor | None, limit: int, state: State | None = None
) -> Sequence[Pipeline]:
    """Newest first, the rows that come after the cursor."""
    query = select(Pipeline).order_by(Pipeline.created_at.desc(), Pipeline.id.desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(Pipeline.created_at, Pipeline.id) < (after.created_at, after.id))
    if state is not None:
        # in the text: the indexes are partial, and a plan for any state could use none of them
        query = query.where(Pipeline.state == literal(state.value, literal_execute=True))
    return (await session.scalars(query)).all()


async def snapshot(session: AsyncSession, sha256: str) -> Snapshot:
    """What the run pinned. Raises `NotFound` or `UnreadableSnapshot`."""
    body = await session.scalar(select(DefinitionSnapshot.body).where(DefinitionSnapshot.sha256 == sha256))
    if body is None:
        raise NotFound(f"no snapshot {sha256}")
    return snapshots.read(body)


async def phase_runs(session: AsyncSession, pipeline_id: UUID) -> Sequence[PhaseRun]:
    """Oldest first."""
    rows = await session.scalars(
        select(PhaseRun).where(PhaseRun.pipeline_id == pipeline_id).order_by(PhaseRun.id)
    )
    return rows.all()
