"""Definitions and what they name as the rows have them now, turned into values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid, unknown
from app.llm.types import Profile
from app.pipelines.definition import Definition, Phase
from app.pipelines.route import Keyword, RouteSpec
from app.pipelines.snapshot import GatePin
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.tables import (
    ArtifactSchema,
    Gate,
    ModelProfile,
    PhaseConfiguration,
    PipelineDefinition,
    Route,
    RouteKeyword,
)


class RowSource:
    """Reads the rows, as they are now."""

    async def definition(self, session: AsyncSession, name: str) -> Definition:
        row = await session.get(PipelineDefinition, name)
        if row is None:
            known = await session.scalars(select(PipelineDefinition.name))
            raise unknown("pipeline definition", name, known)
        phases = await session.scalars(
            select(PhaseConfiguration)
            .where(PhaseConfiguration.definition == name)
            .order_by(PhaseConfiguration.position)
        )
        try:
            return Definition(
                name=row.name,
                description=row.description,
                write_documents=row.write_documents,
                phases=tuple(as_phase(phase) for phase in phases),
            )
        except ValidationError as error:
            raise broken(f"definition {name!r}", error) from error

    async def prompt(self, session: AsyncSession, role: str) -> Prompt:
        return await prompts.active(session, role)

    async def profile(self, session: AsyncSession, name: str) -> Profile:
        row = await session.get(ModelProfile, name)
        if row is None:
            raise unknown("model profile", name, await session.scalars(select(ModelProfile.name)))
        return as_profile(row)

    async def route(self, session: AsyncSession, name: str) -> RouteSpec:
        row = await session.get(Route, name)
        if row is None:
            raise unknown("route", name, await session.scalars(select(Route.name)))
        return as_route(row)

    async def routes(self, session: AsyncSession) -> Mapping[str, RouteSpec]:
        return {row.name: as_route(row) for row in await session.scalars(select(Route).order_by(Route.name))}

    async def keywords(self, session: AsyncSession) -> Sequence[Keyword]:
        ordered = select(RouteKeyword).order_by(RouteKeyword.position, RouteKeyword.keyword)
        return [Keyword(keyword=row.keyword, route=row.route) for row in await session.scalars(ordered)]

    async def row_schema(self, session: AsyncSession, row_id: str) -> dict[str, Any]:
        row = await session.get(ArtifactSchema, row_id)
        if row is None:
            raise unknown("schema row", row_id, await session.scalars(select(ArtifactSchema.id)))
        return row.json_schema

    async def gate(self, session: AsyncSession, name: str) -> GatePin:
        row = await session.get(Gate, name)
        if row is None:
            raise unknown("gate", name, await session.scalars(select(Gate.name)))
        return GatePin(name=row.name, kind=row.kind, files=tuple(row.files), settings=row.settings)


def as_phase(row: PhaseConfiguration) -> Phase:
    return Phase.model_validate(
        {
            "name": row.name,
            "kind": row.kind,
            "role": row.role,
            "rework_role": row.rework_role,
            "artifact": row.artifact,
            "schema": row.schema,
            "template": row.template,
            "route": row.route,
            "inputs": row.inputs,
            "apply": row.apply,
            "on_reject": row.on_reject,
            "max_rework": row.max_rework,
            "needs": row.needs,
            "destination": row.destination,
            "permits": row.permits,
            "gates": row.gates,
            "settings": row.settings,
            "limits": row.limits,
        }
    )


def as_route(row: Route) -> RouteSpec:
    """Raises `Invalid` for a row that was not written by the service."""
    try:
        return RouteSpec.model_validate(
            {
                "description": row.description,
                "profile": row.profile,
                "think": row.think,
                "latency_s": None if row.latency_s is None else float(row.latency_s),
                "critical": row.critical,
                "cascade": row.cascade,
            }
        )
    except ValidationError as error:
        raise broken(f"route {row.name!r}", error) from error


def as_profile(row: ModelProfile) -> Profile:
    return Profile(
        name=row.name,
        backend=row.backend,
        model=row.model,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
        think=row.think,  # type: ignore[arg-type]  # a check on the column closes the set
        temperature=None if row.temperature is None else float(row.temperature),
        timeout_s=None if row.timeout_s is None else float(row.timeout_s),
        price_usd_per_mtok=row.price_usd_per_mtok,
        vram_gb=None if row.vram_gb is None else float(row.vram_gb),
        max_turns=row.max_turns,
        code_channel=row.code_channel,  # type: ignore[arg-type]  # and so here
    )


def broken(what: str, error: ValidationError) -> Invalid:
    """What to do about rows that were not written by the service."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return Invalid(
        f"the rows of the {what} are broken: {place}: {first['msg']}; save it again, or set "
        "WORKBENCH_DATA_DRIVEN_ORCHESTRATION=false to run the definitions of the files",
        place=place,
    )
