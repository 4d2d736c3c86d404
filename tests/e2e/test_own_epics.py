"""Workbench works on a copy of its own repository: green becomes a commit, red leaves no trace.

The tests of the copy run in the sandbox, with a Postgres of their own inside.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from app.artifacts import store
from app.pipelines import projects
from app.pipelines.improvements.order import ImprovementOrder
from app.pipelines.improvements.standing import Standing
from app.pipelines.scoreboard.scoreboard import scoreboard
from app.seeding.own import own_project
from app.services import Services, open_services
from app.settings import ROOT, Settings
from app.worker import create_worker
from app.workspace.sandbox.sandbox import Sandbox
from tests.db.repositories import Person

CASSETTE = Path(__file__).with_name("own_epics.jsonl")
GREEN, RED = "Say what share of a whole a part is", "Say what share of a whole is left"
TESTS = ("tests/unit/usage/test_share.py", "tests/unit/usage/test_left.py", "tests/db/test_tokens.py")
NARROW = (
    *(
        "/bin/sh",
        "-c",
        'exec "$0" -m pytest -n0 -p no:cacheprovider --junitxml={junit} $(ls "$@" 2>/dev/null)',
    ),
    *("{python}", *TESTS),
)
"""Those of them that there are."""

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout"),
    pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"),
]


@pytest.fixture
def copy(state_dir: Path) -> Person:
    folder = state_dir / "a copy of Workbench"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-local", "--depth=1", f"file://{ROOT}", folder], check=True
    )
    return Person(folder)


@pytest_asyncio.fixture
async def own(settings: Settings, sandbox: Sandbox, copy: Person) -> AsyncIterator[Services]:
    """The services with the copy as project `self`."""
    draft = own_project((), copy.path)
    assert draft is not None
    async with open_services(settings.model_copy(update={"cassette": CASSETTE}), sandbox) as services:
        narrow = draft.model_copy(update={"test_command": NARROW, "python": sys.executable})
        await projects.provide(services.database, narrow)
        yield services


async def work(services: Services, standing: Standing) -> Standing:
    """As one worker does, until the improvement has its end."""
    stop = asyncio.Event()
    working = asyncio.create_task(create_worker(services).work(stop))
    while (standing := await services.improvements.get(standing.batch.id)).batch.finished_at is None:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    stop.set()
    await working
    return standing


async def test_an_epic_on_its_own_repository_becomes_a_commit_and_a_red_one_nothing(
    own: Services, copy: Person
) -> None:
    before, base = copy.digest(), copy.git("rev-parse", "HEAD")
    ordered = await own.improvements.create(ImprovementOrder(epics=(GREEN, RED)))
    ended = await work(own, ordered)

    green, red = ended.steps
    assert (ended.state, green.state, red.state) == ("finished", "succeeded", "dead")
    assert copy.git("rev-parse", f"{green.branch}^") == base
    changed = copy.git("diff", "--name-only", base, green.commit).splitlines()
    assert {"app/usage/share.py", "tests/unit/usage/test_share.py"} <= set(changed)

    results = await artifact(own, green.pipeline_id, "test_results")
    assert (results["outcome"], results["skipped"]) == ("passed", 0)
    assert results["passed"] > 3, "the tests that need Postgres ran inside"

    run = await own.pipelines.get(red.pipeline_id)
    assert run.base_commit == green.commit, "it builds on what is green"
    failing = (await artifact(own, red.pipeline_id, "test_results"))["failing"]
    assert ["left_is_the_rest" in test["name"] for test in failing] == [True]
    assert [name for name in copy.branches() if name.startswith("workbench/")] == [green.branch]
    assert copy.digest() == before

    copy.git("merge", "--quiet", "--ff-only", green.branch)
    board = await scoreboard(own.database)
    assert (board.succeeded, board.failed, board.merged, board.reverted) == (1, 1, 1, 0)
    assert board.test_failures == 1


async def artifact(services: Services, run: UUID, name: str) -> dict[str, Any]:
    async with services.database.transaction() as session:
        return (await store.get(session, run, name)).body
