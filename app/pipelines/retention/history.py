"""The rows that only a run under way needs, removed in small transactions once it is old enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from uuid import UUID

from sqlalchemy import ColumnElement, Delete, Select, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.pipelines.retention.policy import Pruned
from app.tables import Artifact, Event, IdempotentRequest, ModelAnswer, Pipeline
from app.tables.request import KEPT

RUNS = 200
"""In one transaction, at most."""
ROWS = 1_000
"""Events in one transaction, unless one run has more: no lock lasts, and no burst of WAL is written."""


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
    its whole history or none.
    """
    query = due(age).limit(RUNS).with_for_update(skip_locked=True)
    ids = _few([(row.id, row.event_count) for row in await session.execute(query)])
    if not ids:
        return None
    done = Pruned(
        runs=len(ids),
        events=await _count(session, delete(Event).where(Event.pipeline_id.in_(ids))),
        artifacts=await _count(session, delete(Artifact).where(_superseded(Artifact.pipeline_id.in_(ids)))),
        answers=await _count(session, delete(ModelAnswer).where(ModelAnswer.pipeline_id.in_(ids))),
    )
    await session.execute(update(Pipeline).where(Pipeline.id.in_(ids)).values(pruned_at=func.now()))
    return done


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
    ids = due(age).with_only_columns(Pipeline.id).order_by(None)
    return Pruned(
        runs=await _number(session, select(func.count()).select_from(ids.subquery())),
        events=await _number(session, select(func.count()).where(Event.pipeline_id.in_(ids))),
        artifacts=await _number(
            session, select(func.count()).where(_superseded(Artifact.pipeline_id.in_(ids)))
        ),
        answers=await _number(session, select(func.count()).where(ModelAnswer.pipeline_id.in_(ids))),
        requests=requests,
    )


def _few(runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """As many of the first as have no more than `ROWS` events together, and at least one."""
    total = accumulate(events for _, events in runs)
    return [run for n, ((run, _), sum_) in enumerate(zip(runs, total, strict=True)) if n == 0 or sum_ <= ROWS]


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
