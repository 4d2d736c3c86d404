"""The rows that only a run under way needs, removed in small transactions once it is old enough."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.pipelines.retention.policy import Pruned
from app.pipelines.retention.portion import OWNERS, few, number, removed
from app.tables import Artifact, Budget, Delivery, Event, ModelAnswer, Pipeline, RunFile


def due(age: timedelta) -> Select[UUID, int]:
    """Runs that were finished this long ago and have their history still, oldest first; with their events."""
    return (
        select(Pipeline.id, Pipeline.event_count)
        .where(
            Pipeline.finished_at.is_not(None),
            Pipeline.pruned_at.is_(None),
            Pipeline.finished_at <= func.now() - age,  # now() and not the clock: an index takes it
        )
        .order_by(Pipeline.finished_at)
    )


async def prune_some(session: AsyncSession, age: timedelta) -> Pruned | None:
    """Remove the history of a few runs that are due; None: none is.

    Runs that another process prunes at the moment are left to it. Before and after the transaction a run has
    its whole history or none. The keys of its deliveries go too: a finished run never sends again.
    """
    query = due(age).limit(OWNERS).with_for_update(skip_locked=True)
    ids = few([(row.id, row.event_count) for row in await session.execute(query)])
    if not ids:
        return None
    done = Pruned(
        runs=len(ids),
        events=await removed(session, delete(Event).where(Event.pipeline_id.in_(ids))),
        artifacts=await removed(session, delete(Artifact).where(_superseded(Artifact.pipeline_id.in_(ids)))),
        answers=await removed(session, delete(ModelAnswer).where(ModelAnswer.pipeline_id.in_(ids))),
        deliveries=await removed(session, delete(Delivery).where(Delivery.pipeline_id.in_(ids))),
        files=await removed(session, delete(RunFile).where(RunFile.pipeline_id.in_(ids))),
    )
    await session.execute(delete(Budget).where(Budget.name.in_([f"run:{run}" for run in ids])))
    await session.execute(update(Pipeline).where(Pipeline.id.in_(ids)).values(pruned_at=func.now()))
    return done


async def preview(session: AsyncSession, age: timedelta) -> Pruned:
    """What is due now. Counts everything, so it takes longer the more there is."""
    ids = due(age).with_only_columns(Pipeline.id).order_by(None)

    async def rows(condition: ColumnElement[bool]) -> int:
        return await number(session, select(func.count()).where(condition))

    return Pruned(
        runs=await number(session, select(func.count()).select_from(ids.subquery())),
        events=await rows(Event.pipeline_id.in_(ids)),
        artifacts=await rows(_superseded(Artifact.pipeline_id.in_(ids))),
        answers=await rows(ModelAnswer.pipeline_id.in_(ids)),
        deliveries=await rows(Delivery.pipeline_id.in_(ids)),
        files=await rows(RunFile.pipeline_id.in_(ids)),
    )


def _superseded(of_runs: ColumnElement[bool]) -> ColumnElement[bool]:
    """Earlier versions that no other run refers to."""
    copy = aliased(Artifact)
    return of_runs & ~Artifact.current & ~exists().where(copy.copied_from == Artifact.id)
