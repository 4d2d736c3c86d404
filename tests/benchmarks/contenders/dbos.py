"""DBOS with its runs started inside the worker: a workflow of one durable step per phase.

Asynchronous workflows and steps, a pool as large as everybody's, logging at errors. No claim is made, so a
second worker could not help with these runs: `dbos_queue` is what compares with ours.
"""

from __future__ import annotations

import asyncio
import os

from dbos import DBOS

from tests.benchmarks.contenders.contender import follow_orders
from tests.benchmarks.workload import WORKLOADS, Workload, answer

CONNECTIONS = 16


@DBOS.step()
async def phase(number: int, sleep_s: float) -> dict[str, str]:
    return await answer(sleep_s)


@DBOS.workflow()
async def run_phases(name: str, epic: str) -> None:
    workload = WORKLOADS[name]
    for number in range(workload.phases):
        await phase(number, workload.sleep_s)


class Dbos:
    name = "dbos"
    is_direct = True

    async def prepare(self, url: str) -> None:
        """Its tables are made by its first launch."""
        await asyncio.to_thread(launch, url)
        await asyncio.to_thread(DBOS.destroy)

    async def work(self, url: str, concurrency: int) -> None:
        await asyncio.to_thread(launch, url)

        async def run(workload: Workload) -> None:
            await run_phases(workload.name, "An epic")

        try:
            await follow_orders(run)
        finally:
            await asyncio.to_thread(DBOS.destroy)


def launch(url: str) -> None:
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": url,
            "sys_db_pool_size": CONNECTIONS,
            "executor_id": str(os.getpid()),
            "application_version": "1",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()


CONTENDER = Dbos()
