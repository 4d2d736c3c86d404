"""The rows that only a run under way needs, removed in small transactions once it is old enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Delete, Select, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.pipelines.retention.policy import Pruned
from app.tables import Artifact, Event, IdempotentRequest, ModelAnswer, Pipeline
from app.tables.request import KEPT

RUNS = 200
ROWS = 1_000
"""Of one kind, at most, in one transaction: no lock lasts, and the log of Postgres grows evenly."""


def due(age: timedelta) -> Select[UUID]:
    """Runs that were finished this long ago and have their history still, oldest first."""
    return (
        select(Pipeline.id)
        .where(
            Pipeline.finished_at.is_not(None),
            Pipeline.pruned_at.is_(None),
            Pipeline.finished_at <= func.now() - age,  # now() and not the clock: an index takes it
        )
        .order_by(Pipeline.finished_at)
    )


async def prune_some(session: AsyncSession, age: timedelta) -> Pruned | None:
    """Remove a part of what is due; None: nothing is.

    Runs that another process prunes at the moment are left to it. A run is marked in the transaction that
    removes its last rows.
    """
    ids = (await session.scalars(due(age).limit(RUNS).with_for_update(skip_locked=True))).all()
    if not ids:
        return None
    events = await _count(session, _delete_events(ids))
    artifacts = await _count(session, _delete_artifacts(ids))
    answers = await _count(session, _delete_answers(ids))
    runs = 0
    if max(events, artifacts, answers) < ROWS:
        await session.execute(update(Pipeline).where(Pipeline.id.in_(ids)).values(pruned_at=func.now()))
        runs = len(ids)
    return Pruned(runs=runs, events=events, artifacts=artifacts, answers=answers)


async def prune_requests(session: AsyncSession) -> int:
    """Remove some of the answers to requests that are older than promised. Returns how many."""
    key = tuple_(IdempotentRequest.caller, IdempotentRequest.key)
    some = select(IdempotentRequest.caller, IdempotentRequest.key).where(_old_request())
    statement = delete(IdempotentRequest).where(
        key.in_(some.order_by(IdempotentRequest.created_at).limit(ROWS))
    )
    return await _count(session, statement)


async def preview(session: AsyncSession, age: timedelta | None) -> Pruned:
    """What is due now. Counts everything, so it takes longer the more there is."""
    requests = await _number(session, select(func.count()).where(_old_request()))
    if age is None:
        return Pruned(requests=requests)
    ids = due(age).order_by(None)
    return Pruned(
        runs=await _number(session, select(func.count()).select_from(ids.subquery())),
        events=await _number(session, select(func.count()).where(Event.pipeline_id.in_(ids))),
        artifacts=await _number(
            session, select(func.count()).where(_superseded(Artifact.pipeline_id.in_(ids)))
        ),
        answers=await _number(session, select(func.count()).where(ModelAnswer.pipeline_id.in_(ids))),
        requests=requests,
    )


def _delete_events(ids: Sequence[UUID]) -> Delete:
    """Oldest first: what is left of a log has no gap."""
    some = (
        select(Event.pipeline_id, Event.seq)
        .where(Event.pipeline_id.in_(ids))
        .order_by(Event.pipeline_id, Event.seq)
        .limit(ROWS)
    )
    return delete(Event).where(tuple_(Event.pipeline_id, Event.seq).in_(some))


def _delete_artifacts(ids: Sequence[UUID]) -> Delete:
    some = select(Artifact.id).where(_superseded(Artifact.pipeline_id.in_(ids))).limit(ROWS)
    return delete(Artifact).where(Artifact.id.in_(some))


def _delete_answers(ids: Sequence[UUID]) -> Delete:
    some = select(ModelAnswer.usage_id).where(ModelAnswer.pipeline_id.in_(ids)).limit(ROWS)
    return delete(ModelAnswer).where(ModelAnswer.usage_id.in_(some))


def _superseded(of_runs: ColumnElement[bool]) -> ColumnElement[bool]:
    """Earlier versions that no other run refers to."""
    copy = aliased(Artifact)
    return of_runs & ~Artifact.current & ~exists().where(copy.copied_from == Artifact.id)


def _old_request() -> ColumnElement[bool]:
    return IdempotentRequest.created_at < func.now() - KEPT


async def _count(session: AsyncSession, statement: Delete) -> int:
    """Carry it out; how many rows are gone."""
    gone = statement.returning(func.now()).cte("gone")
    return await _number(session, select(func.count()).select_from(gone))


async def _number(session: AsyncSession, query: Select[int]) -> int:
    return (await session.execute(query)).scalar_one()
