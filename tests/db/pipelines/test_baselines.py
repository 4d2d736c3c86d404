"""What the tests of a base commit said is kept for all runs that begin there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.errors import Invalid, NotFound
from app.pipelines import definitions, detecting, projects
from app.pipelines.baselines import BaselineKey, StoredBaselines
from app.pipelines.definition import Definition
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import Event, TestAdapter, TestBaseline
from app.workspace.sandbox.verdict import Required
from tests.db.repositories import make_repository
from tests.db.software import SHOUT, Shop, Team, code

WIDE, NARROW = Required(3, ("a", "b", "b")), Required(2, ("a", "b"))


async def test_a_baseline_is_found_by_commit_and_by_how_it_was_tested(shop: Shop) -> None:
    kept = StoredBaselines(shop.services.database)
    async with shop.services.database.transaction() as session:
        project = (await projects.get(session, "shop")).id
    key = BaselineKey(project, "c0ffee", {"argv": ["pytest"]})
    assert await kept.find(key) is None
    await kept.keep(key, WIDE)
    await kept.keep(key, NARROW)
    assert await kept.find(key) == NARROW
    await kept.keep(key, WIDE)
    assert await kept.find(key) == NARROW
    assert await kept.find(replace(key, commit="decaf")) is None
    assert await kept.find(replace(key, how={"argv": ["pytest", "-x"]})) is None


async def test_two_runs_on_one_commit_test_it_once_and_tell_so(shop: Shop) -> None:
    async with shop.services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        phases = [phase.model_dump(by_alias=True) for phase in tiny.phases]
        for phase in phases:
            phase["limits"] |= {"baseline": True, "control": phase["kind"] == "tests"}
        thorough = Definition.model_validate({"name": "thorough", "description": "All", "phases": [*phases]})
        await definitions.save(session, thorough, shop.services.kinds, by_person=True)
    for _ in range(2):
        run = await shop.run(Team(developer=[code(SHOUT)]), "thorough")
        assert run.state == "succeeded", run.error
    async with shop.services.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(TestBaseline)) == 1
        told = (await session.scalars(select(Event.kind).order_by(Event.seq))).all()
    assert (told.count("testing_base"), told.count("control_run")) == (1, 2)


async def test_a_project_names_gates_that_are_there_and_a_remote_without_a_secret(
    services: Services, tmp_path: Path
) -> None:
    path = str(make_repository(tmp_path / "one", {"a": "1"}).path)
    draft = ProjectDraft(name="one", path=path, gates=("gone",))
    with pytest.raises(NotFound, match="no gate 'gone'"):
        await projects.save(services.database, draft)
    with pytest.raises(Invalid, match="password"):
        await projects.save(
            services.database,
            draft.model_copy(update={"gates": (), "push_to": "https://a:b@git.example.org/a"}),
        )


async def test_a_project_without_a_test_command_gets_that_of_its_files(
    services: Services, tmp_path: Path
) -> None:
    path = str(make_repository(tmp_path / "one", {"go.mod": "module shop\n", "tool.py": "x = 1\n"}).path)
    made = await detecting.completed(services.database, ProjectDraft(name="one", path=path))
    assert made.detected is not None
    assert (made.detected.why, made.draft.test_adapter) == ("go.mod", TestAdapter.GO)
    assert made.draft.test_command == ("go", "test", "./...")
    given = ProjectDraft(name="one", path=path, test_command=("sh", "test.sh", "{junit}"))
    made = await detecting.completed(services.database, given)
    assert (made.detected, made.draft.test_adapter) == (None, TestAdapter.JUNIT)


async def test_a_submodule_is_not_looked_into_for_how_a_project_is_tested(
    services: Services, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "one", {"a": "1"})
    head = repository.git("rev-parse", "HEAD")
    for path in ("package.json", "test_a.py"):
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},{path}")
    repository.git("commit", "-qm", "Add submodules")
    draft = ProjectDraft(name="one", path=str(repository.path))
    assert (await detecting.completed(services.database, draft)).detected is None
