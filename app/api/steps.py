"""What makes a run move, and what stops it: advance, run, pause, resume, cancel."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.preferences import wait_s
from app.api.views import PipelineView, path_of, phase_run_view, pipeline_view
from app.pipelines.service import Step
from app.tables import State, TokenRole

router = APIRouter(prefix="/pipelines", tags=["pipelines"], dependencies=[Depends(bearer)])

Prefer = Annotated[str | None, Header(description="`respond-async`, or `wait=<seconds>`")]
UNDER_WAY = frozenset({State.QUEUED, State.RUNNING})
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Under way; Location names the run"},
    409: {"description": "The run is finished, waits for something, or is being worked on"},
}


class StepView(BaseModel):
    """What came of one phase."""

    pipeline_id: UUID
    state: State
    """Of the run, after the phase."""
    reason: str | None
    error: dict[str, Any] | None
    phase: str | None
    """The phase that ran; null: it is still under way, or the run was cancelled before it began."""
    outcome: str | None
    """`passed`, `rejected`, `failed`, `suspect`, `cancelled`."""
    round: int | None
    issues: list[Any]
    """Why the work was sent back."""


@router.post(
    "/{pipeline_id}/advance",
    summary="Run exactly one phase and wait for it",
    response_model=StepView,
    responses=ACCEPTED,
)
@needs(TokenRole.OPERATOR)
async def advance(
    pipeline_id: UUID, services: ServicesOf, response: Response, prefer: Prefer = None
) -> StepView:
    """A rejected or a failed phase is an answer too: 200 with its outcome.

    202 when the phase takes longer than `WORKBENCH_ADVANCE_WAIT_S` or no worker is alive. Hanging up
    cancels nothing.
    """
    most = services.settings.advance_wait_s
    step = await services.pipelines.advance(pipeline_id, wait_s(prefer, most, most))
    say_how(response, step.pipeline.state, pipeline_id)
    return _view(step)


@router.post(
    "/{pipeline_id}/run",
    summary="Run to the end",
    status_code=202,
    responses=ACCEPTED | {200: {"description": "It stopped within `Prefer: wait=<seconds>`"}},
)
@needs(TokenRole.OPERATOR)
async def run(
    pipeline_id: UUID, services: ServicesOf, response: Response, prefer: Prefer = None
) -> PipelineView:
    """Answers 202 at once, since a whole run takes minutes; `Prefer: wait=30` waits up to that long."""
    row = await services.pipelines.start(pipeline_id)
    patience = wait_s(prefer, 0.0, services.settings.advance_wait_s)
    if patience:
        try:
            async with asyncio.timeout(patience):
                row = await services.pipelines.wait_until_still(pipeline_id)
        except TimeoutError:
            row = await services.pipelines.get(pipeline_id)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(await services.pipelines.get(pipeline_id))


@router.post(
    "/{pipeline_id}/pause", summary="Stop before the next phase; a phase under way ends", responses=ACCEPTED
)
@needs(TokenRole.OPERATOR)
async def pause(pipeline_id: UUID, services: ServicesOf, response: Response) -> PipelineView:
    """202 while a phase is under way; the run is `paused (user)` once it has ended."""
    row = await services.pipelines.pause(pipeline_id)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(row)


@router.post(
    "/{pipeline_id}/resume", summary="Let a paused run go on, or take the pause back", responses=ACCEPTED
)
@needs(TokenRole.OPERATOR)
async def resume(pipeline_id: UUID, services: ServicesOf, response: Response) -> PipelineView:
    """To its end, also after `advance`. A pause that has not happened yet is taken back."""
    row = await services.pipelines.resume(pipeline_id)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(await services.pipelines.get(pipeline_id))


@router.post("/{pipeline_id}/cancel", summary="End the run; a phase under way is stopped", responses=ACCEPTED)
@needs(TokenRole.OPERATOR)
async def cancel(pipeline_id: UUID, services: ServicesOf, response: Response) -> PipelineView:
    """202 while the worker still has to stop its phase."""
    row = await services.pipelines.cancel(pipeline_id)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(row)


def say_how(response: Response, state: str, pipeline_id: UUID) -> None:
    """202 and where to look while a worker has something to do for the run, else 200."""
    if state in UNDER_WAY:
        response.status_code = 202
        response.headers["location"] = path_of(pipeline_id)
    else:
        response.status_code = 200


def _view(step: Step) -> StepView:
    ran = phase_run_view(step.phase_run) if step.phase_run else None
    return StepView(
        pipeline_id=step.pipeline.id,
        state=State(step.pipeline.state),
        reason=step.pipeline.reason,
        error=step.pipeline.error,
        phase=ran.phase if ran else None,
        outcome=ran.outcome if ran else None,
        round=ran.round if ran else None,
        issues=ran.issues if ran else [],
    )
