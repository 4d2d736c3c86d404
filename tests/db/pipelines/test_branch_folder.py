"""Where the commits of runs go has to be free before anything is paid for."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from app.errors import Conflict
from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Scripted
from tests.db.software import SHOUT, Shop, Team, code


async def test_a_repository_with_a_branch_in_the_way_is_refused_when_the_run_is_created(
    engine: Engine, tmp_path: Path
) -> None:
    person = make_repository(tmp_path / "one", {"a": "1"})
    person.git("branch", "workbench")
    await projects.save(
        engine.database, ProjectDraft(name="one", path=str(person.path), python=sys.executable)
    )
    await engine.create(Scripted())
    with pytest.raises(Conflict, match="rename that branch"):
        await engine.service.create("An epic", definition="small", project="one")


async def test_a_lock_that_a_killed_git_left_on_the_branch_of_the_run_is_waited_out(shop: Shop) -> None:
    run = await shop.services.pipelines.create("Greet in capitals", definition="tiny", project="shop")
    await shop.services.pipelines.start(run.id)
    lock = shop.person.path / ".git" / "refs" / "heads" / "workbench" / f"{run.id}.lock"
    lock.parent.mkdir()
    lock.touch()
    os.utime(lock, (time.time() - 4, time.time() - 4))
    await shop.walk(run, Team(developer=[code(SHOUT)]))
    assert (await shop.services.pipelines.get(run.id)).state == "succeeded"
    assert not lock.exists()
