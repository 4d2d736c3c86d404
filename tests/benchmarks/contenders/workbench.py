"""Our engine as it ships: real workers, queue, leases, checkpoints, events and artifacts."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg

from app.db import Database
from app.pipelines import creation, definitions
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.creation import NewRun, Pinned
from app.pipelines.definition import Definition, Phase
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseKind, PhaseResult
from app.pipelines.rows import RowSource
from app.pipelines.snapshot import Policy
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.services import open_services
from app.settings import Settings
from app.tables import ArtifactSchema, Outcome
from app.worker import create_worker
from tests.benchmarks.contenders.contender import until_told
from tests.benchmarks.workload import WORKLOADS, Workload, answer

SCHEMA = "benchmark"
UNFINISHED = "SELECT EXISTS (SELECT FROM pipelines WHERE state IN ('queued', 'running'))"
NEWEST = """
    SELECT extract(epoch FROM created_at)::float, extract(epoch FROM finished_at)::float
    FROM pipelines ORDER BY created_at DESC LIMIT %s
"""


class Answering:
    """A phase kind that leaves a document, at once or after a while."""

    def __init__(self, sleep_s: float) -> None:
        self._sleep_s = sleep_s

    async def run(self, context: PhaseContext) -> PhaseResult:
        return PhaseResult(Outcome.PASSED, artifact=await answer(self._sleep_s))

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return []


KINDS: Mapping[str, PhaseKind] = {name: Answering(workload.sleep_s) for name, workload in WORKLOADS.items()}


class Workbench:
    name = "workbench"

    def __init__(self) -> None:
        self._pinned: dict[tuple[str, str], Pinned] = {}

    async def prepare(self, url: str) -> None:
        """The tables, and a definition for each workload."""
        database = Database(url)
        try:
            await database.migrate()
            async with database.transaction() as session:
                schema = {"type": "object"}
                session.add(ArtifactSchema(id=SCHEMA, description="Anything", json_schema=schema))
                await prompts.add(session, Prompt("repair", "s", "t", ()), message="first", by="benchmark")
                await prompts.move_label(session, "repair", prompts.PRODUCTION, 1, by="benchmark")
            for workload in WORKLOADS.values():
                async with database.transaction() as session:
                    await definitions.save(session, definition(workload), KINDS, by_person=True)
        finally:
            await database.close()

    async def submit(self, url: str, workload: Workload, runs: int) -> None:
        database = Database(url, pool_size=1)
        try:
            pinned = await self._pin(database, workload.name)
            async with database.transaction() as session:
                await creation.insert(session, pinned, [NewRun("An epic")] * runs, queue=True)
        finally:
            await database.close()

    async def _pin(self, database: Database, name: str) -> Pinned:
        key = (database.url, name)
        if key not in self._pinned:
            load = partial(creation.pin, definition=name, project=None, profile=None, policy=Policy())
            self._pinned[key] = await load(database, ConfigurationLoader(RowSource()))
        return self._pinned[key]

    def is_idle(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(UNFINISHED).fetchone()
        return row is not None and not row[0]

    def newest(self, connection: psycopg.Connection, runs: int) -> list[tuple[float, float]]:
        return connection.execute(NEWEST, [runs]).fetchall()

    async def work(self, url: str, concurrency: int) -> None:
        logging.basicConfig(level="WARNING")
        stop = asyncio.Event()
        with tempfile.TemporaryDirectory(prefix="workbench-benchmark-") as state:
            settings = Settings(
                database_url=url, state_dir=Path(state), worker_concurrency=concurrency, _env_file=None
            )
            async with open_services(settings) as services:
                ours = replace(services, kinds={**services.kinds, **KINDS})
                working = asyncio.create_task(create_worker(ours).work(stop))
                await until_told(stop)
                await working


def definition(workload: Workload) -> Definition:
    """A definition of so many phases that leave one artifact each."""
    phases = tuple(
        Phase(name=f"p{number}", kind=workload.name, artifact=f"a{number}", schema=f"row:{SCHEMA}")
        for number in range(workload.phases)
    )
    return Definition(name=workload.name, description="A workload of the benchmarks", phases=phases)


CONTENDER = Workbench()
