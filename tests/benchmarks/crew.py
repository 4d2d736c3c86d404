"""Workers of one contender at work on one database, and what can be asked of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from app.settings import ROOT
from tests.benchmarks.contenders import contender
from tests.benchmarks.contenders.contender import READY, Order
from tests.benchmarks.work import PREPARE, URL
from tests.benchmarks.workload import Workload

LOOK_S = 0.02
START_S = 60
LIMIT_S = 600


async def prepare(name: str, url: str) -> None:
    """Make the contender's tables. An engine that is no queue may live once per process: it gets one."""
    chosen = contender(name)
    if not getattr(chosen, "is_direct", False):
        await chosen.prepare(url)
        return
    process = await _process(name, url, PREPARE)
    if await process.wait() != 0:
        raise RuntimeError(f"{name} could not prepare its database")


@asynccontextmanager
async def crew(name: str, url: str, *, workers: int, concurrency: int) -> AsyncIterator[Crew]:
    """So many worker processes, ready to work; they are gone when the block ends."""
    processes = [await _process(name, url, str(concurrency)) for _ in range(workers)]
    try:
        for process in processes:
            await _ready(name, process)
        with psycopg.connect(url, autocommit=True) as connection:
            chosen = contender(name)
            kind = Told if getattr(chosen, "is_direct", False) else Finding
            yield kind(chosen, url, processes, concurrency, connection)
        await asyncio.wait_for(_dismiss(processes), START_S)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Crew:
    """What both kinds of crew have."""

    def __init__(
        self,
        chosen: Any,
        url: str,
        processes: Sequence[Process],
        concurrency: int,
        connection: psycopg.Connection,
    ) -> None:
        self.pids = [process.pid for process in processes]
        self._contender = chosen
        self._url = url
        self._processes = processes
        self._concurrency = concurrency
        self._connection = connection

    async def run(self, workload: Workload, runs: int) -> float:
        """Seconds from when the runs were there until the last had ended."""
        raise NotImplementedError

    async def latencies(self, workload: Workload, runs: int) -> list[float]:
        """Seconds of each run when nothing else runs, from its insertion to its end."""
        raise NotImplementedError


class Finding(Crew):
    """Its workers find the runs in the database; the database's clock says how long they took."""

    async def run(self, workload: Workload, runs: int) -> float:
        await self._contender.submit(self._url, workload, runs)
        [(begun,)] = self._connection.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        await self._until_idle()
        return float(max(ended for _, ended in self._contender.newest(self._connection, runs)) - begun)

    async def latencies(self, workload: Workload, runs: int) -> list[float]:
        took = []
        for _ in range(runs):
            await self._contender.submit(self._url, workload, 1)
            await self._until_idle()
            [(begun, ended)] = self._contender.newest(self._connection, 1)
            took.append(ended - begun)
        return took

    async def _until_idle(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not self._contender.is_idle(self._connection):
                await asyncio.sleep(LOOK_S)
                _must_live(self._processes)


class Told(Crew):
    """Its workers are told how many runs to start, and measure them."""

    async def run(self, workload: Workload, runs: int) -> float:
        share = -(-runs // len(self._processes))
        answers = await self._order(Order(workload, share, self._concurrency))
        return max(float(answer["seconds"]) for answer in answers)

    async def latencies(self, workload: Workload, runs: int) -> list[float]:
        return [took for answer in await self._order(Order(workload, runs, 1)) for took in answer["each"]]

    async def _order(self, order: Order) -> list[dict[str, Any]]:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(order.line().encode())
        return [json.loads(await _line(process)) for process in self._processes]


async def _process(name: str, url: str, what: str) -> Process:
    environment = {**os.environ, URL: url, "LANGSMITH_TRACING": "false"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.work", name, what),
        cwd=ROOT,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        limit=2**24,
    )


async def _ready(name: str, process: Process) -> None:
    async with asyncio.timeout(START_S):
        while (line := await _line(process)) != READY:
            sys.stderr.write(f"{name}: {line}\n")


async def _line(process: Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
    if not line:
        raise RuntimeError("a worker process ended before its work was done; its error is above")
    return line.decode().rstrip()


def _must_live(processes: Sequence[Process]) -> None:
    if any(process.returncode is not None for process in processes):
        raise RuntimeError("a worker process ended before its work was done; its error is above")


async def _dismiss(processes: Sequence[Process]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        await process.wait()
