"""Where the commits of runs go has to be free before anything is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import Conflict
from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Scripted


async def test_a_repository_with_a_branch_in_the_way_is_refused_when_the_run_is_created(
    engine: Engine, tmp_path: Path
) -> None:
    person = make_repository(tmp_path / "one", {"a": "1"})
    person.git("branch", "workbench")
    await projects.save(engine.database, ProjectDraft(name="one", path=str(person.path)))
    await engine.create(Scripted())
    with pytest.raises(Conflict, match="rename that branch"):
        await engine.service.create("An epic", definition="small", project="one")
