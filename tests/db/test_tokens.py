"""Bearer tokens in the database: the first one, and who is the last admin."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from app import tokens
from app.db import Database
from app.errors import Conflict, Invalid
from app.tables import TokenRole


async def test_processes_that_start_at_once_make_one_first_token(database: Database, tmp_path: Path) -> None:
    async def begin() -> str | None:
        async with database.transaction() as session:
            return await tokens.ensure_first(session, tmp_path)

    made = [text for text in await asyncio.gather(*(begin() for _ in range(4))) if text]
    assert len(made) == 1
    assert (tmp_path / "admin.token").read_text() == made[0] + "\n"


async def test_a_first_admin_token_is_made_though_others_who_are_no_admins_have_theirs(
    database: Database, tmp_path: Path
) -> None:
    async with database.transaction() as session:
        for role in set(TokenRole) - {TokenRole.ADMIN}:
            await tokens.create(session, role, role)
        await tokens.create(session, "old", TokenRole.ADMIN, timedelta(seconds=-1))
    async with database.transaction() as session:
        made = await tokens.ensure_first(session, tmp_path)
        assert made is not None
        row = await tokens.find(session, made)
        assert row is not None
        assert row.role == TokenRole.ADMIN
        assert await tokens.ensure_first(session, tmp_path) is None


async def test_a_first_token_that_can_not_be_written_is_not_made(database: Database, tmp_path: Path) -> None:
    (tmp_path / "admin.token").mkdir()
    with pytest.raises(OSError, match=r"admin\.token"):
        async with database.transaction() as session:
            await tokens.ensure_first(session, tmp_path)
    async with database.transaction() as session:
        assert await tokens.every(session) == []
    assert os.listdir(tmp_path) == ["admin.token"]


async def test_an_admin_token_that_has_expired_does_not_count_as_another_one(database: Database) -> None:
    async with database.transaction() as session:
        last, _ = await tokens.create(session, "last", TokenRole.ADMIN)
        await tokens.create(session, "old", TokenRole.ADMIN, timedelta(seconds=-1))
        await tokens.create(session, "reader", TokenRole.VIEWER)
    with pytest.raises(Conflict, match="last admin token"):
        async with database.transaction() as session:
            await tokens.revoke(session, last.id)


async def test_a_text_has_43_characters_of_secret_and_6_of_checksum(database: Database) -> None:
    async with database.transaction() as session:
        texts = [(await tokens.create(session, "x", TokenRole.VIEWER))[1] for _ in range(20)]
    assert {len(text) for text in texts} == {len("workbench_") + 43 + 6}
    assert len(set(texts)) == 20
    assert all(tokens.is_well_formed(text) for text in texts)
    assert not any(tokens.is_well_formed(text[:15] + "é" + text[16:]) for text in texts)


@pytest.mark.parametrize("name", ["deadline", "local"])
async def test_a_token_can_not_sign_as_the_service_itself(database: Database, name: str) -> None:
    with pytest.raises(Invalid, match="choose another name"):
        async with database.transaction() as session:
            await tokens.create(session, name, TokenRole.OPERATOR)
