"""The event log of a run: numbered without gaps, because the run's row hands out the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.queue.signals import announce
from app.tables import Event, Pipeline


async def append(session: AsyncSession, pipeline: Pipeline, kind: str, data: Mapping[str, Any]) -> None:
    """Add an event to a run whose row the caller has locked."""
    pipeline.event_count += 1
    session.add(Event(pipeline_id=pipeline.id, seq=pipeline.event_count, kind=kind, data=dict(data)))
    await announce(session, pipeline.id)


async def since(session: AsyncSession, pipeline_id: UUID, seq: int, limit: int = 500) -> Sequence[Event]:
    """Events after number `seq`, oldest first."""
    rows = await session.scalars(
        select(Event)
        .where(Event.pipeline_id == pipeline_id, Event.seq > seq)
        .order_by(Event.seq)
        .limit(limit)
    )
    return rows.all()
