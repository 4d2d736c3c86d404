"""What a worker holds after many runs, and what it does when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks import processes, readings
from tests.benchmarks.crew import crew, prepare
from tests.benchmarks.engines import CONCURRENCY, OURS
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.server import Server
from tests.benchmarks.workload import INSTANT

MEMORY = Target(at_most=120)
IDLE = Target(at_most=5)


@dataclass(frozen=True)
class Size:
    runs: int
    portion: int
    idle_s: float
    settle_s: float
    """A session with nothing to do any more reports its last commits after 10 s (PGSTAT_IDLE_INTERVAL)."""


FULL = Size(runs=10_000, portion=1_000, idle_s=20, settle_s=12)
QUICK = Size(runs=100, portion=50, idle_s=1, settle_s=1)


async def memory(server: Server, size: Size, log: Callable[[str], None]) -> list[Figure]:
    """Memory of one worker at its start, after half of the runs and after all."""
    with server.database("memory") as url:
        await prepare(OURS, url)
        async with crew(OURS, url, workers=1, concurrency=CONCURRENCY) as one:
            held = {0: processes.rss_mb(one.pids[0])}
            for done in range(size.portion, size.runs + 1, size.portion):
                log(f"memory: {done} of {size.runs} runs")
                await one.run(INSTANT, size.portion)
                held[done] = processes.rss_mb(one.pids[0])
    half = size.runs // 2 // size.portion * size.portion
    wanted = {0: None, half: None, size.runs: MEMORY}
    return [
        Figure("memory", OURS, f"after {runs:,} runs", held[runs], "MB", target)
        for runs, target in wanted.items()
    ]


async def idle(server: Server, size: Size, log: Callable[[str], None]) -> list[Figure]:
    """What a worker with nothing to do costs."""
    log(f"idle: {size.idle_s:g} s")
    with server.database("idle") as url:
        await prepare(OURS, url)
        async with crew(OURS, url, workers=1, concurrency=CONCURRENCY) as one:
            await one.run(INSTANT, 10)
            await asyncio.sleep(size.settle_s)
            commits, before = readings.commits(url), readings.read(url, one.pids)
            await asyncio.sleep(size.idle_s)
            cost = readings.read(url, one.pids).since(before)
            commits = readings.commits(url) - commits
    figures = [
        Figure("idle", OURS, "transactions", commits / cost.wall_s, "per s", IDLE),
        Figure("idle", OURS, "CPU worker", cost.worker_cpu_s / cost.wall_s * 100, "% of a core"),
        Figure("idle", OURS, "WAL", cost.wal_bytes / cost.wall_s, "bytes/s"),
    ]
    if cost.postgres_cpu_s is not None:
        share = cost.postgres_cpu_s / cost.wall_s * 100
        figures.append(Figure("idle", OURS, "CPU Postgres", share, "% of a core"))
    return figures
