"""Runs: create, retry, list, look."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api import cursor
from app.api.access import needs
from app.api.context import CallerOf, ServicesOf
from app.api.docs import bearer
from app.api.push_views import push_view
from app.api.views import (
    PipelineDetail,
    PipelineView,
    path_of,
    phase_run_view,
    phase_view,
    pipeline_view,
)
from app.api.wait_views import wait_view
from app.pipelines import projects, pushing, store, waits
from app.pipelines.retrying import Again
from app.pipelines.snapshot import PolicyDraft
from app.tables import Asked, Decision, State, TokenRole

router = APIRouter(prefix="/pipelines", tags=["pipelines"], dependencies=[Depends(bearer)])

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class NewPipeline(BaseModel):
    """What is to be built, and how."""

    model_config = ConfigDict(extra="forbid")

    epic_description: str
    definition: Name | None = None
    """Name of the pipeline definition; null: `software`."""
    project: Name | None = None
    """The repository to work on; null: the only one there is."""
    profile: Name | None = None
    """A model profile that answers every phase in place of the routes."""
    policy: PolicyDraft | None = None
    """What the cascades of the routes may do to the bill of this run."""


class NewRetry(BaseModel):
    """Where a finished run is taken up again."""

    model_config = ConfigDict(extra="forbid")

    from_phase: Name | None = None
    """The first phase that runs again; null: where the run ended."""
    artifacts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name → body of artifacts that take the place of what the phases before it made."""
    run: bool = False
    """Start the new run, to its end."""


class PipelinePage(BaseModel):
    items: list[PipelineView]
    next: str | None
    """Cursor of the next page; null: this is the last one."""


@router.post("", status_code=201, summary="Create a run of a pipeline; nothing runs yet")
@needs(TokenRole.OPERATOR)
async def create(body: NewPipeline, services: ServicesOf, response: Response) -> PipelineView:
    row = await services.pipelines.create(
        body.epic_description,
        definition=body.definition,
        project=body.project,
        profile=body.profile,
        policy=body.policy,
    )
    response.headers["location"] = path_of(row.id)
    return pipeline_view(row)


@router.post(
    "/{pipeline_id}/retry",
    status_code=201,
    summary="A new run that goes on from a phase of a finished one",
    responses={409: {"description": "The run is not finished"}},
)
@needs(TokenRole.OPERATOR)
async def retry(
    pipeline_id: UUID,
    services: ServicesOf,
    caller: CallerOf,
    response: Response,
    body: NewRetry | None = None,
) -> PipelineView:
    """With the snapshot, the base commit and the earlier artifacts of the old one, which stays as it is.

    Nothing runs yet unless `run` says so.
    """
    wanted = body or NewRetry()
    again = Again(wanted.from_phase, wanted.artifacts, caller.signature)
    row = await services.pipelines.retry(pipeline_id, again)
    if wanted.run:
        await services.pipelines.start(row.id)
        row = await services.pipelines.get(row.id)
    response.headers["location"] = path_of(row.id)
    return pipeline_view(row)


@router.get("", summary="Runs, newest first, by page")
@needs(TokenRole.VIEWER)
async def page(
    services: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200)] = None,
    state: State | None = None,
) -> PipelinePage:
    async with services.database.transaction() as session:
        rows = await store.page(session, after=cursor.read(after), limit=limit + 1, state=state)
    shown = rows[:limit]
    return PipelinePage(
        items=[pipeline_view(row) for row in shown],
        next=cursor.after(shown[-1]) if len(rows) > limit else None,
    )


@router.get("/{pipeline_id}", summary="A run with its phases and what came of them")
@needs(TokenRole.VIEWER)
async def show(pipeline_id: UUID, services: ServicesOf) -> PipelineDetail:
    async with services.database.transaction() as session:
        row = await store.get(session, pipeline_id)
        snapshot = await store.snapshot(session, row.snapshot)
        runs = [phase_run_view(run) for run in await store.phase_runs(session, pipeline_id)]
        project = await projects.of_run(session, row)
        asked_for = await waits.of_run(session, pipeline_id)
        push = (await pushing.of_runs(session, [pipeline_id])).get(pipeline_id)
    return PipelineDetail(
        **pipeline_view(row).model_dump(),
        project=project.name if project else None,
        base_commit=row.base_commit,
        snapshot=row.snapshot,
        round=row.round,
        retry_of=row.retry_of,
        asked=Asked(row.asked) if row.asked else None,
        waits=[wait_view(wait) for wait in asked_for if wait.decision == Decision.OPEN],
        pruned_at=row.pruned_at,
        phases=[phase_view(spec, runs) for spec in snapshot.phases],
        push=push_view(push) if push else None,
        discarded_at=row.discarded_at,
    )
