"""Projects that are new, runs that are found by the first letters of their id."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import QueuePool

from app.db import Database
from app.errors import Conflict, WorkbenchError
from app.pipelines import projects, store
from app.pipelines.projects import ProjectDraft
from app.tables import Project
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Scripted, until

Write = Callable[[Database, ProjectDraft], Coroutine[Any, Any, Project]]
GIT_THAT_WAITS = """#!/bin/sh
touch '{folder}/asked'
while [ ! -e '{folder}/go' ]; do sleep 0.01; done
exec {git} "$@"
"""


async def test_a_project_is_registered_once_and_found_from_its_run(engine: Engine, tmp_path: Path) -> None:
    draft = ProjectDraft(name="one", path=str(make_repository(tmp_path / "one", {"a": "1"}).path))
    made = await projects.register(engine.database, draft)
    with pytest.raises(Conflict, match="the project 'one' exists"):
        await projects.register(engine.database, draft)
    plain = await engine.create(Scripted())
    run = await engine.service.create("An epic", definition="small", project="one")
    async with engine.database.transaction() as session:
        found = await projects.of_run(session, run)
        assert found is not None
        assert (found.id, await projects.of_run(session, plain)) == (made.id, None)


async def test_a_project_of_the_service_keeps_what_a_person_changed(engine: Engine, tmp_path: Path) -> None:
    ours = ProjectDraft(name="sample", path=str(make_repository(tmp_path / "ours", {"a": "1"}).path))
    theirs = ours.model_copy(update={"test_command": ("make", "{junit}")})
    provided = await projects.provide(engine.database, theirs)
    assert (provided.test_command, provided.edited_at) == (["make", "{junit}"], None)
    again = await projects.provide(engine.database, ours)
    assert again.test_command == list(ours.test_command)
    assert (await projects.save(engine.database, theirs)).edited_at is not None
    kept = await projects.provide(engine.database, ours)
    assert (kept.id, kept.test_command) == (provided.id, ["make", "{junit}"])


async def test_of_two_who_register_a_name_at_once_one_is_told_that_it_is_taken(
    engine: Engine, tmp_path: Path
) -> None:
    drafts = [
        ProjectDraft(name="one", path=str(make_repository(tmp_path / folder, {"a": "1"}).path))
        for folder in ("here", "there")
    ]
    ended = await asyncio.gather(
        *(projects.register(engine.database, draft) for draft in drafts), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ended) == ["Conflict", "Project"]


@pytest.mark.parametrize("write", [projects.save, projects.provide, projects.register])
async def test_no_connection_is_held_while_git_works(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    draft = ProjectDraft(name="one", path=str(make_repository(tmp_path / "one", {"a": "1"}).path))
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(GIT_THAT_WAITS.format(folder=slow.parent, git=shutil.which("git")))
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    writing = asyncio.create_task(write(engine.database, draft))
    await until((slow.parent / "asked").exists)
    pool = engine.database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
    (slow.parent / "go").touch()
    assert (await writing).name == "one"


async def test_a_project_without_a_repository_or_a_report_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = str(make_repository(tmp_path / "one", {"a": "1"}).path)
    wrong = {
        "the path of a project is absolute": {"path": "one"},
        "JUnit XML to {junit}": {"test_command": ("make",)},
        "not a git repository": {"path": str(tmp_path)},
    }
    for message, values in wrong.items():
        draft = ProjectDraft.model_validate({"name": "one", "path": path, **values})
        for write in (projects.save, projects.provide, projects.register):
            with pytest.raises(WorkbenchError, match=message):
                await write(engine.database, draft)


async def test_a_run_is_found_by_the_beginning_of_its_id(engine: Engine) -> None:
    run = await engine.create(Scripted())
    async with engine.database.transaction() as session:
        assert list(await store.beginning_with(session, str(run.id)[:8])) == [run.id]
        assert list(await store.beginning_with(session, "%")) == []
