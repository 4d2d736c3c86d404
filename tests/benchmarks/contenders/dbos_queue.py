"""DBOS with its queue: runs are rows, and any worker finds them, as with ours and with the floor.

All runs are enqueued in one transaction. A worker takes as many at once as every contender does, and looks
every 50 ms instead of every second, which is DBOS' default and would be most of what is measured.
"""

from __future__ import annotations

import asyncio
import sys

import psycopg
from dbos import DBOS, DBOSClient
from sqlalchemy import create_engine

from app.db import sqlalchemy_url
from app.settings import ROOT
from tests.benchmarks.contenders.contender import until_told
from tests.benchmarks.contenders.dbos import launch, run_phases
from tests.benchmarks.workload import Workload

QUEUE = "runs"
POLL_S = 0.05
UNFINISHED = "SELECT EXISTS (SELECT FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING'))"
NEWEST = """
    SELECT created_at / 1e3::float, updated_at / 1e3::float
    FROM dbos.workflow_status ORDER BY created_at DESC LIMIT %s
"""


class DbosQueue:
    name = "dbos_queue"

    async def prepare(self, url: str) -> None:
        """Its tables are made by its first launch, which may happen once per process: in one of its own."""
        program = "import sys; from tests.benchmarks.contenders import dbos; from dbos import DBOS; "
        program += "dbos.launch(sys.argv[1]); DBOS.destroy()"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, cwd=ROOT)
        if await process.wait() != 0:
            raise RuntimeError("DBOS could not prepare its database")

    async def submit(self, url: str, workload: Workload, runs: int) -> None:
        await asyncio.to_thread(enqueue, url, workload.name, runs)

    def is_idle(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(UNFINISHED).fetchone()
        return row is not None and not row[0]

    def newest(self, connection: psycopg.Connection, runs: int) -> list[tuple[float, float]]:
        return connection.execute(NEWEST, [runs]).fetchall()

    async def work(self, url: str, concurrency: int) -> None:
        await asyncio.to_thread(launch, url)
        await DBOS.register_queue_async(QUEUE, worker_concurrency=concurrency, polling_interval_sec=POLL_S)
        try:
            await until_told(asyncio.Event())
        finally:
            await asyncio.to_thread(DBOS.destroy)


def enqueue(url: str, workload: str, runs: int) -> None:
    client = DBOSClient(system_database_url=url)
    engine = create_engine(sqlalchemy_url(url))
    options = {"queue_name": QUEUE, "workflow_name": run_phases.__qualname__}
    try:
        with engine.begin() as connection:
            for _ in range(runs):
                client.enqueue_in_transaction(connection, options, workload, "An epic")
    finally:
        engine.dispose()
        client.destroy()


CONTENDER = DbosQueue()
