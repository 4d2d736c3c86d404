"""A worker process that is killed in any phase: another one finishes, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from app.artifacts import store as artifacts
from app.pipelines import events, store
from app.seeding.demo import SAMPLE_EPIC
from app.services import Services
from app.settings import ROOT, Settings
from app.tables import Pipeline, Target
from tests.db.repositories import Person

PHASES = ("pm", "architect", "developer", "test", "qa", "commit")
LIMIT_S = 60
WORKER = """
import asyncio, logging
from app.services import open_services
from app.settings import Settings
from app.worker import create_worker

async def main():
    logging.basicConfig(level="INFO")
    async with open_services(Settings(_env_file=None)) as services:
        await create_worker(services).work(asyncio.Event())

asyncio.run(main())
"""
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND NOT granted AND relation::regclass::text = :table
"""

CUT_OFF = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'artifacts'::regclass"
)
"""The statement of a dead worker goes on once it gets its lock, unless its session is ended too."""


@contextmanager
def worker_process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process group of its own; it is gone when the block ends."""
    assert settings.database_url is not None
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")},
        "WORKBENCH_DATABASE_URL": settings.database_url.get_secret_value(),
        "WORKBENCH_STATE_DIR": str(settings.state_dir),
        "WORKBENCH_DEMO": "true",
        "WORKBENCH_LEASE_S": "4",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def test_a_worker_killed_in_each_phase_loses_nothing(services: Services) -> None:
    """Six runs stand in six phases, five of them held there by locked tables, when their worker is killed."""
    runs = {phase: await services.pipelines.create(SAMPLE_EPIC) for phase in PHASES}
    with worker_process(services.settings) as victim:
        await asyncio.gather(*(walk_to(services, runs[phase], phase) for phase in PHASES))
        async with services.database.transaction() as lock:
            await lock.execute(text("LOCK TABLE model_answers, commit_intents IN ACCESS EXCLUSIVE MODE"))
            for run in runs.values():
                await services.pipelines.start(run.id)
            await reached(services, {"model_answers": 4, "commit_intents": 1})
            for phase, run in runs.items():
                assert await running(services, run) == phase
            kill(victim)
    with worker_process(services.settings):
        async with asyncio.timeout(LIMIT_S):
            for run in runs.values():
                ended = await services.pipelines.wait_until_still(run.id)
                assert (ended.state, ended.error) == ("succeeded", None)
    for phase, run in runs.items():
        await assert_done_once(services, run, abandoned=phase)


async def test_a_worker_killed_after_the_commit_and_before_it_is_recorded(services: Services) -> None:
    run = await services.pipelines.create(SAMPLE_EPIC)
    with worker_process(services.settings) as victim:
        await walk_to(services, run, "commit")
        async with services.database.transaction() as lock:
            await lock.execute(text("LOCK TABLE artifacts IN EXCLUSIVE MODE"))
            await services.pipelines.start(run.id)
            await reached(services, {"artifacts": 1})
            before = sample(services).git("rev-parse", f"workbench/{run.id}")
            kill(victim)
            await lock.execute(text(CUT_OFF))
    with worker_process(services.settings):
        async with asyncio.timeout(LIMIT_S):
            assert (await services.pipelines.wait_until_still(run.id)).state == "succeeded"
    assert sample(services).git("rev-parse", f"workbench/{run.id}") == before
    await assert_done_once(services, run, abandoned="commit")


async def walk_to(services: Services, run: Pipeline, phase: str) -> None:
    """One phase after the other, reworks included, until this one is the next."""
    async with asyncio.timeout(LIMIT_S):
        while run.position < PHASES.index(phase):
            await services.pipelines.start(run.id, Target.STEP)
            run = await services.pipelines.wait_until_still(run.id)
            assert run.state == "paused", run.error


async def reached(services: Services, waiting: dict[str, int]) -> None:
    """Until so many statements wait for these tables and the test phase of a run is under way."""
    async with asyncio.timeout(LIMIT_S):
        for table, count in waiting.items():
            while await one(services, WAITING, table=table) < count:  # noqa: ASYNC110 - a lock sets no event
                await asyncio.sleep(0.02)


async def running(services: Services, run: Pipeline) -> str | None:
    query = "SELECT max(phase) FROM phase_runs WHERE outcome = 'running' AND pipeline_id = :id"
    return await one(services, query, id=run.id)


async def one(services: Services, query: str, **values: object):  # type: ignore[no-untyped-def]
    async with services.database.transaction() as session:
        return (await session.execute(text(query), values)).scalar_one()


async def assert_done_once(services: Services, run: Pipeline, *, abandoned: str) -> None:
    async with services.database.transaction() as session:
        phase_runs = await store.phase_runs(session, run.id)
        log = await events.since(session, run.id, 0)
        kept = await artifacts.current(session, run.id)
        versions = [len(await artifacts.versions(session, run.id, name)) for name in kept]
    assert [(each.phase, each.attempt) for each in phase_runs if each.outcome == "abandoned"] == [
        (abandoned, 0)
    ]
    assert [each.phase for each in phase_runs if each.outcome == "passed"][-1] == "commit"
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.kind for event in log].count("succeeded") == 1
    assert sorted(kept) == ["architecture", "code", "commit", "epic", "qa_report", "test_results"]
    assert sum(versions) == sum(each.outcome in ("passed", "rejected") for each in phase_runs)
    assert sample(services).git("rev-list", "--count", f"main..workbench/{run.id}") == "1"
    assert sample(services).git("rev-parse", f"workbench/{run.id}") == kept["commit"]["commit"]


def sample(services: Services) -> Person:
    return Person(Path(services.settings.state_dir / "demo" / "orders service"))
