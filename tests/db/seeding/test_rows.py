"""Seeding: a second run changes nothing, and what a person edited stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from app.db import Database
from app.pipelines import definitions, phases, routing
from app.pipelines.route import Keyword
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.prompts.store import PRODUCTION
from app.seeding.files import load_seeds
from app.seeding.rows import Report, seed
from app.seeding.values import SchemaSeed, Seeds
from app.tables import (
    ArtifactSchema,
    CallLimit,
    ModelProfile,
    PhaseConfiguration,
    PipelineDefinition,
    RolePrompt,
    Route,
)
from tests.db.scripted import Scripted

KINDS = {name: Scripted() for name in phases.KINDS}
SEEDS = load_seeds()
THING = SchemaSeed(description="A thing", json_schema={"type": "object"})


async def sow(database: Database, seeds: Seeds = SEEDS) -> Report:
    return await seed(database, seeds, KINDS)


def with_prompt(text: str) -> Seeds:
    return replace(
        SEEDS, prompts={**SEEDS.prompts, "pm": SEEDS.prompts["pm"].model_copy(update={"task": text})}
    )


async def active(database: Database) -> Prompt:
    async with database.transaction() as session:
        return await prompts.active(session, "pm")


async def test_a_new_database_gets_everything_and_a_second_run_changes_nothing(database: Database) -> None:
    seeds = replace(SEEDS, schemas={"thing": THING})
    first = await sow(database, seeds)
    assert {"role_prompts pm@1", "model_profiles claude", "routes light", "artifact_schemas thing"} <= {
        *first.changed
    }
    assert "pipeline_definitions software" in first.changed
    assert await sow(database, seeds) == Report()
    async with database.transaction() as session:
        assert await definitions.get(session, "software") == SEEDS.definitions["software"]
        assert await prompts.roles(session) == sorted(SEEDS.prompts)
        assert "software" in await definitions.names(session)


async def test_processes_that_start_together_seed_one_after_the_other(database: Database) -> None:
    reports = await asyncio.gather(*(sow(database) for _ in range(3)))
    assert sorted(bool(report.changed) for report in reports) == [False, False, True]


async def test_a_changed_file_adds_a_version_and_moves_the_label(database: Database) -> None:
    await sow(database)
    assert (await sow(database, with_prompt("Another"))).changed == ["role_prompts pm@2"]
    assert (await active(database)).task == "Another"


async def test_a_file_that_is_changed_back_is_used_again_and_adds_nothing(database: Database) -> None:
    await sow(database)
    await sow(database, with_prompt("Another"))
    assert (await sow(database)).changed == ["role_prompts pm@1"]
    assert (await active(database)).task == SEEDS.prompts["pm"].task
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).where(RolePrompt.role == "pm")) == 2


@pytest.mark.parametrize("theirs", ["a version of their own", "an earlier version of the file"])
async def test_a_label_that_a_person_moved_stays(database: Database, theirs: str) -> None:
    await sow(database)
    await sow(database, with_prompt("Second"))
    async with database.transaction() as session:
        number = 1
        if theirs == "a version of their own":
            own = Prompt("pm", "mine", "mine", ())
            number = (await prompts.add(session, own, message="mine", by="Ada")).version
        await prompts.move_label(session, "pm", PRODUCTION, number, by="Ada")
    report = await sow(database, with_prompt("Third"))
    assert report.kept == [f"role_prompts pm: production stays at version {number}"]
    assert (await active(database)).version == number
    async with database.transaction() as session:
        assert (await prompts.versions(session, "pm"))[0].task == "Third"


EDITS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "model_profiles claude": (ModelProfile, "name", {"max_output_tokens": 7}),
    "call_limits backend:ollama": (CallLimit, "name", {"max_concurrent": 7}),
    "routes light": (Route, "name", {"profile": "claude-opus"}),
    "artifact_schemas thing": (ArtifactSchema, "id", {"json_schema": {"type": "object", "title": "mine"}}),
    "pipeline_definitions software": (PipelineDefinition, "name", {"description": "mine"}),
}


@pytest.mark.parametrize("row", EDITS)
@pytest.mark.parametrize("by_person", [True, False], ids=["a person", "nobody"])
async def test_a_row_that_differs_is_mended_unless_a_person_edited_it(
    database: Database, row: str, by_person: bool
) -> None:
    seeds = replace(SEEDS, schemas={"thing": THING})
    await sow(database, seeds)
    table, key, values = EDITS[row]
    edited_at = func.now() if by_person else None
    async with database.transaction() as session:
        named = getattr(table, key) == row.split()[1]
        await session.execute(update(table).where(named).values(**values, edited_at=edited_at))
    report = await sow(database, seeds)
    assert (report.kept, report.changed) == (([row], []) if by_person else ([], [row]))


async def words(database: Database) -> list[tuple[str, str]]:
    async with database.transaction() as session:
        return [(row.keyword, row.route) for row in await routing.keywords(session)]


async def test_keywords_follow_the_file_in_its_order_and_those_that_left_it_are_removed(
    database: Database,
) -> None:
    await sow(database)
    fewer = replace(SEEDS, keywords=[*reversed(SEEDS.keywords)][:3])
    assert (await sow(database, fewer)).changed == ["route_keywords"]
    assert await words(database) == [(one.keyword, one.route) for one in fewer.keywords]


async def test_people_who_add_keywords_at_once_lose_none(database: Database) -> None:
    await sow(database)

    async def add(word: str) -> None:
        async with database.transaction() as session:
            await routing.add_keyword(session, Keyword(keyword=word, route="code"))

    added = [f"word {number}" for number in range(5)]
    await asyncio.gather(*map(add, added))
    assert {word for word, _ in await words(database)} >= set(added)
    assert (await sow(database)).kept == ["route_keywords"]


async def test_rows_of_a_definition_that_can_not_be_read_are_made_anew(database: Database) -> None:
    await sow(database)
    async with database.transaction() as session:
        await session.execute(delete(PhaseConfiguration).where(PhaseConfiguration.definition == "software"))
    assert (await sow(database)).changed == ["pipeline_definitions software"]
    async with database.transaction() as session:
        assert await definitions.get(session, "software") == SEEDS.definitions["software"]


async def test_broken_rows_that_a_person_edited_stop_no_start(database: Database) -> None:
    await sow(database)
    async with database.transaction() as session:
        await session.execute(delete(PhaseConfiguration).where(PhaseConfiguration.definition == "software"))
        await session.execute(update(PipelineDefinition).values(edited_at=func.now()))
    assert (await sow(database)).kept == ["pipeline_definitions software"]
