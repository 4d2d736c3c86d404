"""What a contender is: it prepares a database, and its worker process works until its input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import psycopg

from tests.benchmarks.workload import WORKLOADS, Workload

READY = "ready"


@dataclass(frozen=True)
class Order:
    """What a worker with no queue is told to run."""

    workload: Workload
    runs: int
    at_once: int
    """1: one after the other."""

    def line(self) -> str:
        return json.dumps([self.workload.name, self.runs, self.at_once]) + "\n"

    @classmethod
    def read(cls, line: str) -> Order:
        name, runs, at_once = json.loads(line)
        return cls(WORKLOADS[name], runs, at_once)


class Contender(Protocol):
    """One engine."""

    name: str

    async def prepare(self, url: str) -> None:
        """Make its tables in an empty database."""

    async def work(self, url: str, concurrency: int) -> None:
        """The life of a worker process; ends when standard input ends."""


class Queued(Contender, Protocol):
    """Runs are rows; workers find them."""

    async def submit(self, url: str, workload: Workload, runs: int) -> None:
        """Insert runs that workers are to take, in one transaction."""

    def is_idle(self, connection: psycopg.Connection) -> bool:
        """Whether every run has ended."""

    def newest(self, connection: psycopg.Connection, runs: int) -> list[tuple[float, float]]:
        """When the newest runs were created and when they ended, in seconds since the epoch."""


class Direct(Contender, Protocol):
    """Runs are started inside the worker, which is told how many."""

    is_direct: bool


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def until_told(stop: asyncio.Event) -> None:
    """Say that the worker is ready and set `stop` when the input ends."""
    say(READY)
    await asyncio.to_thread(sys.stdin.read)
    stop.set()


async def follow_orders(run: Callable[[Workload], Awaitable[object]]) -> None:
    """Run what each line of the input asks for; answer with the seconds that each run took and all took."""
    say(READY)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = Order.read(line)
        say(json.dumps(await _carry_out(order, run)))


async def _carry_out(order: Order, run: Callable[[Workload], Awaitable[object]]) -> dict[str, object]:
    clock = asyncio.get_running_loop().time
    left = order.runs
    took: list[float] = []

    async def slot() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            begun = clock()
            await run(order.workload)
            took.append(clock() - begun)

    begun = clock()
    await asyncio.gather(*(slot() for _ in range(order.at_once)))
    return {"seconds": clock() - begun, "each": took}
