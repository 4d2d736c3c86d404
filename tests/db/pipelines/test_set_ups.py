"""A run whose project has to be set up waits for the permission, and then goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from app.pipelines import events, projects, waits
from app.pipelines.environments import EnvironmentMissing
from app.pipelines.projects import ProjectDraft
from app.pipelines.waits import Verdict
from app.services import Services
from app.tables import Pipeline
from tests.db.software import SHOUT, Shop, Team, code

SETUP = ("sh", "-c", 'echo made > "$WORKBENCH_ENVIRONMENT/mark"')
REPORT = '<testsuite tests="1"><testcase classname="a" name="b"/></testsuite>'


@pytest.fixture
async def shop(services: Services, tmp_path: Path) -> Shop:
    made = Shop(services, tmp_path)
    await made.register()
    return made


async def project(shop: Shop, **changes: Any) -> None:
    draft = ProjectDraft(name="shop", path=str(shop.person.path), **changes)
    await projects.save(shop.services.database, draft)


async def waiting_for_set_up(shop: Shop) -> tuple[Pipeline, Team]:
    write = f"test -f \"$WORKBENCH_ENVIRONMENT/mark\" && echo '{REPORT}' > {{junit}}"
    await project(shop, setup_command=SETUP, test_command=("sh", "-c", write))
    run = await shop.services.pipelines.create("Greet", definition="tiny", project="shop")
    await shop.services.pipelines.start(run.id)
    team = Team(developer=[code(SHOUT)])
    await shop.walk(run, team)
    return await shop.services.pipelines.get(run.id), team


async def test_a_run_waits_for_the_set_up_and_ends_once_it_is_permitted(shop: Shop) -> None:
    run, team = await waiting_for_set_up(shop)
    assert (run.state, run.reason) == ("waiting", "access")
    async with shop.services.database.transaction() as session:
        [wait] = await waits.of_run(session, run.id)
    assert wait.subject.startswith("setup:shop:")
    assert "projects setup shop" in wait.details["why"]
    verdict = Verdict(granted=True, by="ada", content_sha256=wait.content_sha256)
    await shop.services.pipelines.decide(run.id, verdict)
    await shop.walk(run, team)
    ended = await shop.services.pipelines.get(run.id)
    assert (ended.state, ended.error) == ("succeeded", None)


async def test_a_set_up_that_is_refused_ends_the_run_and_runs_nothing(shop: Shop) -> None:
    run, team = await waiting_for_set_up(shop)
    async with shop.services.database.transaction() as session:
        [wait] = await waits.of_run(session, run.id)
    refusal = Verdict(granted=False, by="ada", comment="no network", content_sha256=wait.content_sha256)
    await shop.services.pipelines.decide(run.id, refusal)
    await shop.walk(run, team)
    ended = await shop.services.pipelines.get(run.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert "no network" in ended.error["message"]
    assert not (shop.services.settings.state_dir / "environments").exists()


async def test_what_a_command_says_is_an_event_while_it_runs(shop: Shop) -> None:
    say = f"echo collecting; sleep 2.5; echo '{REPORT}' > {{junit}}"
    await project(shop, test_command=("sh", "-c", say))
    run = await shop.run(Team(developer=[code(SHOUT)]))
    async with shop.services.database.transaction() as session:
        told = [event for event in await events.since(session, run.id, 0) if event.kind == "output"]
    assert [event.data for event in told] == [{"of": "test", "text": "collecting", "phase": "test"}]


async def test_a_run_that_could_not_be_tested_is_not_created(shop: Shop) -> None:
    await project(shop)
    with pytest.raises(EnvironmentMissing, match=r"make a \.venv"):
        await shop.services.pipelines.create("Greet", definition="tiny", project="shop")
    (shop.person.path / ".venv").symlink_to(sys.prefix)
    await shop.services.pipelines.create("Greet", definition="tiny", project="shop")
