"""Definitions and prompts straight from the files in seeds/: the way back when rows are broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import unknown
from app.llm.types import Profile
from app.pipelines.definition import Definition
from app.pipelines.route import Keyword, RouteSpec
from app.pipelines.snapshot import GatePin
from app.prompts.prompt import Prompt
from app.seeding.values import PromptSeed, Seeds


class FileSource:
    """A configuration source that needs no row."""

    def __init__(self, seeds: Seeds) -> None:
        self._seeds = seeds

    async def definition(self, session: AsyncSession, name: str) -> Definition:
        if name not in self._seeds.definitions:
            raise unknown("pipeline definition", name, self._seeds.definitions)
        return self._seeds.definitions[name]

    async def prompt(self, session: AsyncSession, role: str) -> Prompt:
        if role not in self._seeds.prompts:
            raise unknown("role prompt", role, self._seeds.prompts)
        return prompt_of(self._seeds.prompts[role])

    async def profile(self, session: AsyncSession, name: str) -> Profile:
        if name not in self._seeds.profiles:
            raise unknown("model profile", name, self._seeds.profiles)
        return self._seeds.profiles[name].profile()

    async def route(self, session: AsyncSession, name: str) -> RouteSpec:
        if name not in self._seeds.routes:
            raise unknown("route", name, self._seeds.routes)
        return self._seeds.routes[name]

    async def routes(self, session: AsyncSession) -> Mapping[str, RouteSpec]:
        return self._seeds.routes

    async def keywords(self, session: AsyncSession) -> Sequence[Keyword]:
        return self._seeds.keywords

    async def row_schema(self, session: AsyncSession, row_id: str) -> dict[str, Any]:
        if row_id not in self._seeds.schemas:
            raise unknown("schema row", row_id, self._seeds.schemas)
        return self._seeds.schemas[row_id].json_schema

    async def gate(self, session: AsyncSession, name: str) -> GatePin:
        if name not in self._seeds.gates:
            raise unknown("gate", name, self._seeds.gates)
        seed = self._seeds.gates[name]
        return GatePin(name=name, kind=seed.kind, files=seed.files, settings=dict(seed.settings))


def prompt_of(seed: PromptSeed) -> Prompt:
    """The seed as a prompt without a version."""
    return Prompt(seed.role, seed.system, seed.task, seed.variables)
