"""Prompts: versions stay as they are, labels move."""

from __future__ import annotations

import asyncio

import pytest

from app.db import Database
from app.errors import NotFound
from app.prompts import store
from app.prompts.prompt import Prompt


def prompt(text: str, role: str = "pm") -> Prompt:
    return Prompt(role, f"system {text}", f"task {text}", ("epic_description",))


async def add(database: Database, text: str, role: str = "pm") -> int:
    async with database.transaction() as session:
        return (await store.add(session, prompt(text, role), message=f"Why {text}", by="Ada")).version


async def test_every_version_is_kept_with_its_digest_and_its_reason(database: Database) -> None:
    assert [await add(database, text) for text in "abc"] == [1, 2, 3]
    async with database.transaction() as session:
        rows = await store.versions(session, "pm")
    assert [(row.version, row.task, row.message, row.created_by) for row in rows] == [
        (3, "task c", "Why c", "Ada"),
        (2, "task b", "Why b", "Ada"),
        (1, "task a", "Why a", "Ada"),
    ]
    assert rows[0].digest == prompt("c").digest
    assert len({row.digest for row in rows}) == 3


async def test_versions_added_at_the_same_time_get_different_numbers(database: Database) -> None:
    versions = await asyncio.gather(*(add(database, str(number)) for number in range(8)))
    assert sorted(versions) == list(range(1, 9))


async def test_each_role_counts_its_own_versions(database: Database) -> None:
    assert [await add(database, "a", role) for role in ("pm", "qa", "pm")] == [1, 1, 2]
    async with database.transaction() as session:
        assert await store.roles(session) == ["pm", "qa"]


async def test_a_label_points_at_a_version_and_moves_forth_and_back(database: Database) -> None:
    await add(database, "a")
    await add(database, "b")
    for number, text in ((2, "b"), (1, "a")):
        async with database.transaction() as session:
            await store.move_label(session, "pm", "production", number, by="Ada")
            active = await store.active(session, "pm")
        assert (active.version, active.task, active.variables) == (
            number,
            f"task {text}",
            ("epic_description",),
        )


async def test_labels_of_a_role_move_apart(database: Database) -> None:
    await add(database, "a")
    await add(database, "b")
    async with database.transaction() as session:
        await store.move_label(session, "pm", "production", 1, by="Ada")
        await store.move_label(session, "pm", "candidate", 2, by="Ada")
        assert await store.labels(session) == {"pm": {"candidate": 2, "production": 1}}
        assert (await store.active(session, "pm", "candidate")).version == 2


async def test_what_is_not_there_is_told_with_what_is(database: Database) -> None:
    await add(database, "a")
    async with database.transaction() as session:
        with pytest.raises(NotFound, match="no production prompt for the role 'pm'; there are: pm"):
            await store.active(session, "pm")
        with pytest.raises(NotFound, match="no role prompt 'boss'; there are: pm"):
            await store.version(session, "boss", 1)
        with pytest.raises(NotFound, match="role 'pm' has no version 7; there are: 1"):
            await store.move_label(session, "pm", "production", 7, by="Ada")
