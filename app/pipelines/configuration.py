"""Reads a definition and all that it names, and pins it as a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts.documents import shipped_templates
from app.artifacts.registry import digest as schema_digest
from app.artifacts.registry import schema
from app.artifacts.rows import PREFIX, row_schema
from app.errors import unknown
from app.llm.types import Profile, Schema, Think
from app.pipelines.definition import Definition, Phase
from app.pipelines.route import Keyword, RouteSpec
from app.pipelines.rows import broken
from app.pipelines.snapshot import (
    CascadePin,
    GatePin,
    PhaseSpec,
    Policy,
    ProfilePin,
    PromptPin,
    RoutePin,
    SchemaPin,
    Snapshot,
    TemplatePin,
)
from app.prompts.prompt import Prompt

REPAIR_ROLE = "repair"
"""The prompt that tells a model what was wrong with its answer."""
DEFAULT_POLICY = Policy()


class ConfigurationSource(Protocol):
    """Where definitions and what they name are read: rows, or the files in seeds/."""

    async def definition(self, session: AsyncSession, name: str) -> Definition: ...

    async def prompt(self, session: AsyncSession, role: str) -> Prompt: ...

    async def profile(self, session: AsyncSession, name: str) -> Profile: ...

    async def route(self, session: AsyncSession, name: str) -> RouteSpec: ...

    async def routes(self, session: AsyncSession) -> Mapping[str, RouteSpec]: ...

    async def keywords(self, session: AsyncSession) -> Sequence[Keyword]:
        """In the order in which they are looked for."""

    async def row_schema(self, session: AsyncSession, row_id: str) -> dict[str, Any]: ...

    async def gate(self, session: AsyncSession, name: str) -> GatePin: ...


class ConfigurationLoader:
    """Turns a definition's name into the snapshot that a run pins."""

    def __init__(self, source: ConfigurationSource) -> None:
        self._source = source

    async def load(
        self, session: AsyncSession, name: str, profile: str | None = None, policy: Policy = DEFAULT_POLICY
    ) -> Snapshot:
        """The definition as it is now. `profile` answers every phase in place of the routes.

        Raises `NotFound` for a name that is not there.
        """
        return await self.pin(session, await self._source.definition(session, name), profile, policy)

    async def pin(
        self,
        session: AsyncSession,
        definition: Definition,
        profile: str | None = None,
        policy: Policy = DEFAULT_POLICY,
    ) -> Snapshot:
        """The same for a definition that is no row."""
        try:
            return Snapshot(
                definition=definition.name,
                write_documents=definition.write_documents,
                phases=tuple([await self._phase(session, phase, profile) for phase in definition.phases]),
                repair=_pin(await self._source.prompt(session, REPAIR_ROLE)),
                policy=policy,
            )
        except ValidationError as error:  # a prompt or a profile that was not written by the service
            raise broken(f"{error.title} of {definition.name}", error) from error

    async def _phase(self, session: AsyncSession, phase: Phase, profile: str | None) -> PhaseSpec:
        asked, route = await self._route(session, phase.route, profile)
        return PhaseSpec(
            name=phase.name,
            kind=phase.kind,
            artifact=phase.artifact,
            output=await self._schema(session, phase.schema_name),
            prompt=await self._prompt(session, phase.role),
            rework=await self._prompt(session, phase.rework_role),
            template=_template(phase.template),
            profile=asked,
            route=route,
            inputs=phase.inputs,
            apply=phase.apply,
            on_reject=phase.on_reject,
            max_rework=phase.max_rework,
            needs=phase.needs,
            destination=phase.destination,
            permits=phase.permits,
            gates=tuple([await self._source.gate(session, name) for name in phase.gates]),
            settings=phase.settings,
            limits=phase.limits,
        )

    async def _prompt(self, session: AsyncSession, role: str | None) -> PromptPin | None:
        return None if role is None else _pin(await self._source.prompt(session, role))

    async def _route(
        self, session: AsyncSession, name: str | None, override: str | None
    ) -> tuple[ProfilePin | None, RoutePin | None]:
        """Who is asked first, and the route. One profile for all phases has no cascade."""
        if name is None:
            return None, None
        if override is not None:
            return await self._profile(session, override, None), None
        route = await self._source.route(session, name)
        cascade = [
            CascadePin(profile=await self._profile(session, step.profile, step.think), on=step.on)
            for step in route.cascade
        ]
        pin = RoutePin(name=name, critical=route.critical, latency_s=route.latency_s, cascade=tuple(cascade))
        return await self._profile(session, route.profile, route.think), pin

    async def _profile(self, session: AsyncSession, name: str, think: Think | None) -> ProfilePin:
        pin = ProfilePin(**asdict(await self._source.profile(session, name)))
        return pin if think is None else pin.model_copy(update={"think": think})

    async def _schema(self, session: AsyncSession, name: str | None) -> SchemaPin | None:
        if name is None:
            return None
        found: Schema
        if name.startswith(PREFIX):
            row_id = name.removeprefix(PREFIX)
            found = row_schema(row_id, await self._source.row_schema(session, row_id))
        else:
            found = schema(name)
        return SchemaPin(name=name, digest=schema_digest(found), json_schema=found.json_schema())


def _pin(prompt: Prompt) -> PromptPin:
    return PromptPin(
        role=prompt.role,
        version=prompt.version,
        system=prompt.system,
        task=prompt.task,
        variables=prompt.variables,
        digest=prompt.digest,
    )


def _template(name: str | None) -> TemplatePin | None:
    if name is None:
        return None
    shipped = shipped_templates()
    if name not in shipped:
        raise unknown("document template", name, shipped)
    return TemplatePin(name=name, text=shipped[name])
