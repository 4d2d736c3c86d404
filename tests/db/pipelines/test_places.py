"""A run is walked where its repository is, and its folder belongs to one lease."""

from __future__ import annotations

import asyncio
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, update

from app.pipelines import projects
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.projects import ProjectDraft
from app.tables import Pipeline
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Scripted
from tests.db.software import Shop, Team

MINUTE = timedelta(minutes=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "one", {"a": "1"}).path


async def queued_at(engine: Engine, folder: Path, *kinds: Scripted) -> Pipeline:
    """A run on the repository in that folder."""
    await projects.save(engine.database, ProjectDraft(name="one", path=str(folder), python=sys.executable))
    await engine.create(*kinds)
    run = await engine.service.create("An epic", definition="small", project="one")
    return await engine.service.start(run.id)


async def later(engine: Engine, run: Pipeline, **columns: object) -> None:
    async with engine.database.transaction() as session:
        await session.execute(update(Pipeline).where(Pipeline.id == run.id).values(**columns))


async def test_a_worker_that_has_not_the_repository_leaves_the_run_to_one_that_has(
    engine: Engine, folder: Path
) -> None:
    run = await queued_at(engine, folder, phase := Scripted())
    away = shutil.move(folder, folder.with_name("on another host"))
    assert await engine.orchestrator("here").handle(run.id, asyncio.Event()) is not None
    untouched = await engine.service.get(run.id)
    assert (untouched.state, untouched.fence, phase.seen) == ("queued", 0, [])
    shutil.move(away, folder)
    assert (await engine.walk(run, worker="there")).state == "succeeded"


async def test_a_run_left_in_a_long_phase_is_not_taken_by_a_worker_that_has_not_the_repository(
    engine: Engine, folder: Path
) -> None:
    run = await queued_at(engine, folder, Scripted())
    shutil.rmtree(folder)
    now = func.clock_timestamp()
    dead = {"state": "running", "worker": "dead", "lease_expires_at": now - timedelta(seconds=1)}
    await later(engine, run, updated_at=now - 10 * MINUTE, **dead)
    assert await engine.orchestrator().handle(run.id, asyncio.Event()) is not None
    assert (await engine.service.get(run.id)).worker == "dead"


async def test_a_run_whose_repository_nobody_has_for_long_fails_and_says_which(shop: Shop) -> None:
    services = shop.services
    run = await services.pipelines.create("An epic", definition="tiny", project="shop")
    await services.pipelines.start(run.id)
    shop.person.path.rename(shop.person.path.with_name("gone"))
    kinds = shop.kinds(Team())
    terms = LeaseTerms(elsewhere_s=0)
    assert (
        await PhaseExecutionOrchestrator(services.database, kinds, "w", terms).handle(run.id, asyncio.Event())
        is None
    )
    ended = await services.pipelines.get(run.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "not_a_repository"
    assert str(shop.person.path) in ended.error["message"]
