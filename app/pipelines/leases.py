"""Who may write to a run: a lease by the database clock, and a fence that every write compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.tables import Pipeline, State


class StaleFence(Conflict):
    """Another worker holds the run by now; nothing was written."""

    code = "stale_fence"


@dataclass(frozen=True)
class Lease:
    """The right to write to one run."""

    pipeline_id: UUID
    fence: int
    attempts: int
    """Pick-ups since a phase was last closed, this one included."""


@dataclass(frozen=True)
class Busy:
    """Somebody else holds the run; it is worth asking again after `retry_in`."""

    retry_in: timedelta


async def take(
    session: AsyncSession, pipeline_id: UUID, worker: str, duration_s: float
) -> Lease | Busy | None:
    """Take the lease of a run that is queued, or running with an expired lease.

    None: the run wants no worker (finished, paused, waiting or gone).
    """
    free = or_(Pipeline.state == State.QUEUED, Pipeline.lease_expires_at < func.clock_timestamp())
    row = (
        await session.execute(
            update(Pipeline)
            .where(
                Pipeline.id == pipeline_id,
                Pipeline.state.in_((State.QUEUED, State.RUNNING)),
                free,
            )
            .values(
                state=State.RUNNING,
                reason=None,
                worker=worker,
                fence=Pipeline.fence + 1,
                attempts=Pipeline.attempts + 1,
                lease_expires_at=func.clock_timestamp() + timedelta(seconds=duration_s),
                updated_at=func.clock_timestamp(),
            )
            .returning(Pipeline.fence, Pipeline.attempts)
        )
    ).one_or_none()
    if row is not None:
        return Lease(pipeline_id, row.fence, row.attempts)
    return await _busy(session, pipeline_id)


async def _busy(session: AsyncSession, pipeline_id: UUID) -> Busy | None:
    remaining = Pipeline.lease_expires_at - func.clock_timestamp()
    row = (
        await session.execute(
            select(Pipeline.state, case((remaining > timedelta(0), remaining), else_=timedelta(0))).where(
                Pipeline.id == pipeline_id
            )
        )
    ).one_or_none()
    if row is None or row[0] not in (State.QUEUED, State.RUNNING):
        return None
    return Busy(row[1] + timedelta(milliseconds=100))


async def renew(session: AsyncSession, lease: Lease, duration_s: float) -> bool:
    """Hold the lease longer. Returns whether somebody asked to cancel. Raises `StaleFence`."""
    row = (
        await session.execute(
            update(Pipeline)
            .where(
                Pipeline.id == lease.pipeline_id, Pipeline.fence == lease.fence, Pipeline.worker.is_not(None)
            )
            .values(lease_expires_at=func.clock_timestamp() + timedelta(seconds=duration_s))
            .returning(Pipeline.asked, Pipeline.fence)
        )
    ).one_or_none()
    if row is None:
        raise stale(lease)
    return bool(row.asked == "cancel")


async def fenced(session: AsyncSession, lease: Lease) -> Pipeline:
    """The run's row, locked, if the lease is still the newest. Raises `StaleFence`."""
    row = await session.scalar(select(Pipeline).where(Pipeline.id == lease.pipeline_id).with_for_update())
    if row is None:
        raise NotFound(f"no pipeline {lease.pipeline_id}")
    if row.fence != lease.fence or row.worker is None:
        raise stale(lease)
    return row


def stale(lease: Lease) -> StaleFence:
    return StaleFence(f"the lease {lease.fence} of pipeline {lease.pipeline_id} has been taken over")
