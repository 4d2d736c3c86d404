"""Carries out `definitions`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from app.cli.given_yaml import read_yaml
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, row, safe, say, stdout, table
from app.pipelines import definitions
from app.pipelines.definition import Definition
from app.services import Services


def list_definitions() -> None:
    async def read(services: Services) -> list[Definition]:
        async with services.database.transaction() as session:
            return [await definitions.get(session, name) for name in await definitions.names(session)]

    made = table("definition", "phases", "description")
    for found in with_services(read_settings(), read):
        row(made, found.name, " → ".join(phase.name for phase in found.phases), found.description)
    emit(stdout(), made)


def show(name: str) -> None:
    async def read(services: Services) -> Definition:
        async with services.database.transaction() as session:
            return await definitions.get(session, name)

    found = with_services(read_settings(), read)
    body = found.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    sys.stdout.write(safe(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)))


def put(file: Path) -> None:
    definition = read_yaml(file, Definition, "definition")

    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await definitions.save(session, definition, services.kinds, by_person=True)

    with_services(read_settings(), write)
    say(stdout(), f"{definition.name} stored; the next run uses it, runs under way keep what they pinned")
