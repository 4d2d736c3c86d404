"""Improvements: order one, look, pause, resume, cancel."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api import cursor
from app.api.access import needs
from app.api.batch_views import Counts
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.pipelines import Name
from app.api.usage import BillView, Dollars, bill_view
from app.pipelines.improvements import standing
from app.pipelines.improvements.order import MAX_COUNT, MAX_FAILURES, ImprovementOrder
from app.pipelines.improvements.standing import ImprovementState, Standing, state_of
from app.pipelines.projects import SELF
from app.pipelines.snapshot import PolicyDraft
from app.tables import Batch, Improvement, ItemState, Stop, TokenRole

router = APIRouter(prefix="/improvements", tags=["improvements"], dependencies=[Depends(bearer)])


class NewImprovement(BaseModel):
    """What is to become better: a goal, or a list of epics. And when that stops."""

    model_config = ConfigDict(extra="forbid")

    goal: str | None = None
    """Worked on in `count` steps; each is told which ones were done."""
    epics: list[str] = []
    """In place of a goal: one run for each, in this order."""
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """Null: one step towards the goal, or every epic."""
    project: Name = SELF
    definition: Name = "software"
    profile: Name | None = None
    policy: PolicyDraft | None = None
    max_usd: Annotated[Decimal, Field(gt=0, lt=10**8)] | None = None
    """Of all its runs together."""
    max_tokens: Annotated[int, Field(gt=0, lt=2**62)] | None = None
    max_failures: Annotated[int, Field(ge=1, le=MAX_COUNT)] = MAX_FAILURES
    """It stops after so many failures in a row."""

    def order(self) -> ImprovementOrder:
        return ImprovementOrder(**{**self.model_dump(), "epics": tuple(self.epics), "policy": self.policy})


class ImprovementView(BaseModel):
    """An improvement at a glance."""

    improvement_id: UUID
    """Also the id of the batch that its runs belong to."""
    state: ImprovementState
    stopped: Stop | None
    """Why it stopped before it was through."""
    goal: str
    definition: str
    total: int
    counts: Counts
    created_at: datetime
    finished_at: datetime | None


class StepView(BaseModel):
    """One epic."""

    number: int
    state: ItemState
    epic: str
    pipeline_id: UUID | None
    attempts: int
    phase: str | None
    """The newest of its run."""
    commit: str | None
    branch: str | None
    subject: str | None
    cost_usd: Dollars
    error: dict[str, Any] | None


class ImprovementDetail(ImprovementView):
    project: str | None
    base_commit: str | None
    head_commit: str | None
    """The newest green commit: the next run starts from it."""
    max_usd: Dollars | None
    max_tokens: int | None
    max_failures: int
    failures_in_a_row: int
    estimated_tokens: int | None
    """Of one epic, as reckoned when it was ordered."""
    estimated_usd: Dollars | None
    bill: BillView
    epics: list[StepView]


class ImprovementPage(BaseModel):
    items: list[ImprovementView]
    next: str | None
    """Cursor of the next page; null: this is the last one."""


@router.post("", status_code=201, summary="Order an improvement: epics one after the other, each on the last")
@needs(TokenRole.OPERATOR)
async def create(body: NewImprovement, services: ServicesOf, response: Response) -> ImprovementDetail:
    """Workers work on it. What is red is not committed: the next epic starts from the last green commit."""
    made = await services.improvements.create(body.order())
    response.headers["location"] = f"/improvements/{made.batch.id}"
    return _detail(made)


@router.get("", summary="Improvements, newest first, by page")
@needs(TokenRole.VIEWER)
async def page(
    services: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200)] = None,
) -> ImprovementPage:
    async with services.database.transaction() as session:
        rows = await standing.page(session, after=cursor.read(after), limit=limit + 1)
    shown = rows[:limit]
    return ImprovementPage(
        items=[ImprovementView(**_glance(*row)) for row in shown],
        next=cursor.after(shown[-1][1]) if len(rows) > limit else None,
    )


@router.get("/{improvement_id}", summary="An improvement: its epics, its commits and what it cost")
@needs(TokenRole.VIEWER)
async def show(improvement_id: UUID, services: ServicesOf) -> ImprovementDetail:
    return _detail(await services.improvements.get(improvement_id))


@router.post("/{improvement_id}/pause", summary="Start no more epics; the one under way goes on to its end")
@needs(TokenRole.OPERATOR)
async def pause(improvement_id: UUID, services: ServicesOf) -> ImprovementDetail:
    return _detail(await services.improvements.pause(improvement_id))


@router.post("/{improvement_id}/resume", summary="Go on with a paused improvement")
@needs(TokenRole.OPERATOR)
async def resume(improvement_id: UUID, services: ServicesOf) -> ImprovementDetail:
    return _detail(await services.improvements.resume(improvement_id))


@router.post("/{improvement_id}/cancel", summary="End an improvement; what is committed stays")
@needs(TokenRole.OPERATOR)
async def cancel(improvement_id: UUID, services: ServicesOf) -> ImprovementDetail:
    return _detail(await services.improvements.cancel(improvement_id))


def _glance(improvement: Improvement, batch: Batch) -> dict[str, Any]:
    return {
        "improvement_id": batch.id,
        "state": state_of(improvement, batch),
        "stopped": improvement.stopped,
        "goal": improvement.goal,
        "definition": batch.definition,
        "total": batch.total,
        "counts": {state.value: getattr(batch, state) for state in ItemState},
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
    }


def _detail(found: Standing) -> ImprovementDetail:
    row = found.improvement
    return ImprovementDetail(
        **_glance(row, found.batch),
        project=found.project,
        base_commit=found.batch.base_commit,
        head_commit=found.head,
        max_usd=row.max_usd,
        max_tokens=row.max_tokens,
        max_failures=row.max_failures,
        failures_in_a_row=found.failures,
        estimated_tokens=row.estimated_tokens,
        estimated_usd=row.estimated_usd,
        bill=bill_view(found.bill),
        epics=[StepView.model_validate(step, from_attributes=True) for step in found.steps],
    )
