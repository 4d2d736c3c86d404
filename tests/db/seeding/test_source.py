"""The files and the rows give the same configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import NotFound
from app.pipelines import phases
from app.pipelines.configuration import ConfigurationLoader, ConfigurationSource
from app.pipelines.rows import RowSource
from app.seeding.files import load_seeds
from app.seeding.rows import seed
from app.seeding.source import FileSource
from app.seeding.values import SchemaSeed
from tests.db.scripted import Scripted

KINDS = {name: Scripted() for name in phases.KINDS}
THING = SchemaSeed(description="A thing", json_schema={"type": "object"})
SEEDS = replace(load_seeds(), schemas={"thing": THING})
SOURCES: dict[str, ConfigurationSource] = {"rows": RowSource(), "files": FileSource(SEEDS)}


@pytest.mark.parametrize("definition", SEEDS.definitions)
async def test_a_seeded_database_pins_what_the_files_say(database: Database, definition: str) -> None:
    await seed(database, SEEDS, KINDS)
    async with database.transaction() as session:
        rows, files = [
            await ConfigurationLoader(source).load(session, definition) for source in SOURCES.values()
        ]
    assert [phase.prompt and phase.prompt.version for phase in rows.phases][:1] == [1]
    assert [phase.prompt and phase.prompt.version for phase in files.phases][:1] == [None]
    assert without_versions(rows.model_dump()) == without_versions(files.model_dump())


def without_versions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_versions(item) for key, item in value.items() if key != "version"}
    return [without_versions(item) for item in value] if isinstance(value, (list, tuple)) else value


async def test_a_profile_answers_every_phase_in_place_of_the_routes(database: Database) -> None:
    await seed(database, SEEDS, KINDS)
    for source in SOURCES.values():
        async with database.transaction() as session:
            snapshot = await ConfigurationLoader(source).load(session, "software", "recorded")
        assert {phase.profile.name for phase in snapshot.phases if phase.profile} == {"recorded"}


Look = Callable[[ConfigurationSource, AsyncSession], Awaitable[object]]
MISSING: dict[str, Look] = {
    "pipeline definition": lambda source, session: source.definition(session, "nothing"),
    "role": lambda source, session: source.prompt(session, "nothing"),
    "model profile": lambda source, session: source.profile(session, "nothing"),
    "route": lambda source, session: source.route(session, "nothing"),
    "schema row": lambda source, session: source.row_schema(session, "nothing"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("what", MISSING)
async def test_what_is_not_there_is_told_with_what_is(database: Database, source: str, what: str) -> None:
    await seed(database, SEEDS, KINDS)
    with pytest.raises(NotFound, match=f"{what}.* 'nothing'; there are: [a-z]"):
        async with database.transaction() as session:
            await MISSING[what](SOURCES[source], session)


async def test_rows_and_files_have_the_same_routes_and_keywords(database: Database) -> None:
    await seed(database, SEEDS, KINDS)
    async with database.transaction() as session:
        routes = [await source.routes(session) for source in SOURCES.values()]
        keywords = [await source.keywords(session) for source in SOURCES.values()]
    assert routes[0] == routes[1]
    assert list(keywords[0]) == list(keywords[1])


@pytest.mark.parametrize("source", SOURCES)
async def test_a_schema_of_a_row_is_read(database: Database, source: str) -> None:
    await seed(database, SEEDS, KINDS)
    async with database.transaction() as session:
        assert await SOURCES[source].row_schema(session, "thing") == THING.json_schema
