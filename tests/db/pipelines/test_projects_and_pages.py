"""Projects that are new, runs that are found by the first letters of their id."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import Conflict, WorkbenchError
from app.pipelines import projects, store
from app.pipelines.projects import ProjectDraft
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Scripted


async def test_a_project_is_registered_once_and_found_from_its_run(engine: Engine, tmp_path: Path) -> None:
    draft = ProjectDraft(name="one", path=str(make_repository(tmp_path / "one", {"a": "1"}).path))
    async with engine.database.transaction() as session:
        made = await projects.register(session, draft)
        with pytest.raises(Conflict, match="the project 'one' exists"):
            await projects.register(session, draft)
    plain = await engine.create(Scripted())
    run = await engine.service.create("An epic", definition="small", project="one")
    async with engine.database.transaction() as session:
        found = await projects.of_run(session, run)
        assert found is not None
        assert (found.id, await projects.of_run(session, plain)) == (made.id, None)


async def test_a_project_of_the_service_keeps_what_a_person_changed(engine: Engine, tmp_path: Path) -> None:
    ours = ProjectDraft(name="sample", path=str(make_repository(tmp_path / "ours", {"a": "1"}).path))
    theirs = ours.model_copy(update={"test_command": ("make", "{junit}")})
    async with engine.database.transaction() as session:
        provided = await projects.provide(session, theirs)
        assert (provided.test_command, provided.edited_at) == (["make", "{junit}"], None)
        again = await projects.provide(session, ours)
        assert again.test_command == list(ours.test_command)
    async with engine.database.transaction() as session:
        assert (await projects.save(session, theirs)).edited_at is not None
    async with engine.database.transaction() as session:
        kept = await projects.provide(session, ours)
        assert (kept.id, kept.test_command) == (provided.id, ["make", "{junit}"])


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
                async with engine.database.transaction() as session:
                    await write(session, draft)


async def test_a_run_is_found_by_the_beginning_of_its_id(engine: Engine) -> None:
    run = await engine.create(Scripted())
    async with engine.database.transaction() as session:
        assert list(await store.beginning_with(session, str(run.id)[:8])) == [run.id]
        assert list(await store.beginning_with(session, "%")) == []
