"""How runs look from outside: one shape for lists, answers and details."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel

from app.api.push_views import PushView
from app.api.wait_views import WaitView
from app.pipelines.snapshot import PhaseSpec
from app.tables import Asked, PhaseRun, Pipeline, State

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]


class Links(BaseModel):
    self: str
    advance: str
    run: str
    pause: str
    resume: str
    cancel: str
    retry: str
    approve: str
    reject: str
    waits: str
    artifacts: str
    usage: str
    events: str


class PipelineView(BaseModel):
    """A run at a glance."""

    pipeline_id: UUID
    state: State
    reason: str | None
    """Why it is paused or waiting."""
    error: dict[str, Any] | None
    """Why it has failed: `phase`, `code`, `message`."""
    definition: str
    epic_description: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    links: Links


class PhaseRunView(BaseModel):
    """One attempt at one phase."""

    phase: str
    item: str
    round: int
    attempt: int
    outcome: str
    issues: list[Any]
    detail: dict[str, Any]
    """`code` and `message` of a failure."""
    started_at: datetime
    ended_at: datetime | None


class PhaseView(BaseModel):
    """A phase of the run's snapshot with what came of it so far."""

    name: str
    kind: str
    artifact: str | None
    runs: list[PhaseRunView]


class PipelineDetail(PipelineView):
    project: str | None
    base_commit: str | None
    snapshot: str
    """SHA-256 of all that the run pinned."""
    round: int
    retry_of: UUID | None
    """The finished run that this one goes on from."""
    asked: Asked | None
    """What its worker was asked and has not done yet."""
    pruned_at: datetime | None
    """When its events, deliveries and earlier artifact versions were removed; null: they are all there."""
    waits: list[WaitView]
    """What it waits for now; `links.waits` has what was decided, too."""
    phases: list[PhaseView]
    push: PushView | None
    """Where its commit was sent; null: nowhere."""
    discarded_at: datetime | None
    """When a person threw its branch and its files away."""


def path_of(pipeline_id: UUID) -> str:
    return f"/pipelines/{pipeline_id}"


def pipeline_view(row: Pipeline) -> PipelineView:
    return PipelineView(
        pipeline_id=row.id,
        state=State(row.state),
        reason=row.reason,
        error=row.error,
        definition=row.definition,
        epic_description=row.epic_description,
        created_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
        links=_links(path_of(row.id)),
    )


def phase_run_view(row: PhaseRun) -> PhaseRunView:
    detail = dict(row.detail or {})
    return PhaseRunView(
        phase=row.phase,
        item=row.item,
        round=row.round,
        attempt=row.attempt,
        outcome=row.outcome,
        issues=detail.pop("issues", []),
        detail=detail,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def phase_view(spec: PhaseSpec, runs: list[PhaseRunView]) -> PhaseView:
    own = [run for run in runs if run.phase == spec.name]
    return PhaseView(name=spec.name, kind=spec.kind, artifact=spec.artifact, runs=own)


def _links(path: str) -> Links:
    return Links(
        self=path,
        advance=f"{path}/advance",
        run=f"{path}/run",
        pause=f"{path}/pause",
        resume=f"{path}/resume",
        cancel=f"{path}/cancel",
        retry=f"{path}/retry",
        approve=f"{path}/approve",
        reject=f"{path}/reject",
        waits=f"{path}/waits",
        artifacts=f"{path}/artifacts",
        usage=f"{path}/usage",
        events=f"{path}/events",
    )
