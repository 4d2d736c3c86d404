"""How the model servers stand, and what probes found about the models of the profiles."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.llm.health import Position
from app.llm.survey import Condition
from app.llm.types import Mode
from app.pipelines.backends import Freshness, Probed, Standing, standings
from app.tables import TokenRole

router = APIRouter(tags=["models"], dependencies=[Depends(bearer)])


class CircuitView(BaseModel):
    """Whether this process leaves the backend alone after many failures."""

    position: Position
    failures: int
    """Faults of the server in a row."""
    open_for_s: float | None
    next_try_s: float | None
    last_error: str | None


class FaultView(BaseModel):
    """The last call that failed, of all processes and the last seven days."""

    at: datetime
    outcome: str
    """The code of the error; `open`: no reply came."""
    model: str
    error: str | None


class ProbedView(BaseModel):
    profile: str
    model: str
    offered: bool | None
    """Whether the server has the model; null: it does not say."""
    freshness: Freshness
    """`stale`: the server has another version now; `unchecked`: nobody knows which it has."""
    server_version: str | None
    """The one that was probed."""
    probed_at: datetime | None
    modes: list[Mode]
    """The profile's calls are asked in these, best first."""


class BackendView(BaseModel):
    name: str
    condition: Condition
    """`not_asked`: model calls are switched off, so nothing was sent."""
    version: str | None
    models: list[str]
    latency_ms: int | None
    """Of the list of models."""
    code: str | None
    problem: str | None
    """Why it is not up."""
    missing: str | None
    """The setting that is not set."""
    circuit: CircuitView
    last_error: FaultView | None
    profiles: list[ProbedView]


@router.get("/backends", summary="Every model server: up or down, its models, its last error")
@needs(TokenRole.VIEWER)
async def backends(services: ServicesOf) -> list[BackendView]:
    """Versions and lists of models are asked for, side by side, and nothing that is billed.

    A server that has not answered within seconds counts as down.
    """
    found = await standings(services.settings, services.database, services.backends, services.circuits)
    return [_view(standing) for standing in found]


def _view(standing: Standing) -> BackendView:
    answered, fault = standing.answered, standing.last_fault
    return BackendView(
        name=answered.backend,
        condition=answered.condition,
        version=answered.version,
        models=list(answered.models),
        latency_ms=answered.latency_ms,
        code=answered.code,
        problem=answered.problem,
        missing=answered.missing,
        circuit=CircuitView.model_validate(standing.circuit, from_attributes=True),
        last_error=FaultView.model_validate(fault, from_attributes=True) if fault else None,
        profiles=[_probed(one) for one in standing.profiles],
    )


def _probed(one: Probed) -> ProbedView:
    return ProbedView.model_validate(one, from_attributes=True)
