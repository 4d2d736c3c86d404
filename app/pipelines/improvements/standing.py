"""How an improvement stands: its row, its batch, what its runs did, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.pipelines.batches import stacking
from app.pipelines.store import Cursor, ids_from
from app.tables import Batch, BatchState, Improvement, Project
from app.usage import reports
from app.usage.reports import Bill

ImprovementState = Literal["open", "paused", "finished", "stopped", "cancelled"]

STEPS = text(
    """
    SELECT i.number, i.state, i.attempts, i.pipeline_id, i.error, p.state AS run_state,
      coalesce(p.epic_description, i.input) AS epic, c.body ->> 'commit' AS commit,
      c.body ->> 'branch' AS branch, c.body ->> 'subject' AS subject,
      (SELECT phase FROM phase_runs WHERE pipeline_id = p.id ORDER BY id DESC LIMIT 1) AS phase,
      (SELECT coalesce(sum(CASE WHEN outcome = 'open' THEN reserved_usd ELSE cost_usd END), 0)
       FROM pipelines a JOIN pipeline_prompt_usage u ON u.pipeline_id = a.id
       WHERE a.batch_id = i.batch_id AND a.batch_item = i.number) AS cost_usd
    FROM batch_items i LEFT JOIN pipelines p ON p.id = i.pipeline_id
    LEFT JOIN artifacts c ON c.pipeline_id = p.id AND c.name = 'commit' AND c.current
    WHERE i.batch_id = :batch ORDER BY i.number
    """
)


@dataclass(frozen=True)
class Standing:
    """All that is said of an improvement."""

    improvement: Improvement
    batch: Batch
    project: str | None
    head: str | None
    """The newest green commit; the next run starts from it."""
    failures: int
    """In a row, up to now."""
    bill: Bill
    """Of all its runs."""
    steps: Sequence[Row[tuple[object, ...]]]
    """One for each epic; none once the items were removed."""

    @property
    def state(self) -> ImprovementState:
        return state_of(self.improvement, self.batch)


def state_of(improvement: Improvement, batch: Batch) -> ImprovementState:
    """`stopped`: by its own conditions; `finished`: it is through, with or without failures."""
    if improvement.stopped is not None:
        return "stopped"
    match BatchState(batch.state):
        case BatchState.OPEN:
            return "open"
        case BatchState.PAUSED:
            return "paused"
        case BatchState.FINISHED:
            return "finished"
        case BatchState.CANCELLED:
            return "cancelled"


async def get(session: AsyncSession, batch_id: UUID) -> Standing:
    """Raises `NotFound`."""
    improvement = await session.get(Improvement, batch_id)
    if improvement is None:
        raise NotFound(f"no improvement {batch_id}")
    batch = await session.get_one(Batch, batch_id)
    project = await session.get(Project, batch.project_id) if batch.project_id is not None else None
    return Standing(
        improvement,
        batch,
        project.name if project else None,
        await stacking.head(session, batch),
        await stacking.failures(session, batch),
        await reports.of_batch(session, batch_id),
        (await session.execute(STEPS, {"batch": batch_id})).all(),
    )


async def page(
    session: AsyncSession, *, after: Cursor | None, limit: int
) -> Sequence[tuple[Improvement, Batch]]:
    """Newest first, the rows that come after the cursor."""
    query = select(Improvement, Batch).join(Batch, Batch.id == Improvement.batch_id)
    if after is not None:
        query = query.where(tuple_(Batch.created_at, Batch.id) < (after.created_at, after.id))
    rows = await session.execute(query.order_by(Batch.created_at.desc(), Batch.id.desc()).limit(limit))
    return [(improvement, batch) for improvement, batch in rows]


async def beginning_with(session: AsyncSession, start: str, limit: int = 10) -> Sequence[UUID]:
    """Ids that begin with this text, newest first."""
    ends = ids_from(start)
    if ends is None:
        return []
    query = select(Improvement.batch_id).where(Improvement.batch_id.between(*ends))
    return (await session.scalars(query.order_by(Improvement.created_at.desc()).limit(limit))).all()
