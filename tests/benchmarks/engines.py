"""Our engine beside the floor and other engines, in interleaved rounds on one server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median, quantiles

import psycopg

from tests.benchmarks import processes, readings
from tests.benchmarks.contenders import MODULES, contender
from tests.benchmarks.crew import crew, prepare
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.server import Server
from tests.benchmarks.workload import CALLS, INSTANT

BENCHMARK = "engines"
FLOOR, OURS = "floor", "workbench"
CONCURRENCY = 32
IN_FLIGHT = 64
RATIOS = {
    "floor": Target(at_least=0.7),
    "langgraph": Target(at_least=3),
    "dbos_queue": Target(at_least=5),
    "dbos": None,
}
"""Pipelines per second of ours with one worker, over those of the other."""
EFFICIENCY = Target(at_least=0.92)
ADDED_MS = Target(at_most=5)
COMMIT_PROBES = 300


@dataclass(frozen=True)
class Size:
    """How much is run in a round."""

    rounds: int
    runs: int
    serial: int
    warm_up: int
    efficiency: bool = True


FULL = Size(rounds=3, runs=1000, serial=100, warm_up=100)
QUICK = Size(rounds=1, runs=30, serial=3, warm_up=10, efficiency=False)

Round = dict[str, float]
UNITS = {
    "1 worker": "pipelines/s",
    "2 workers": "pipelines/s",
    "1 worker, phases": "phases/s",
    "of the floor, 1 worker": "x",
    "of the floor, 2 workers": "x",
    "alone, p50": "ms/pipeline",
    "alone, p95": "ms/pipeline",
    "added, p50": "ms/phase",
    "64 calls of 100 ms": "of ideal",
    "WAL": "KB/pipeline",
    "commits": "per pipeline",
    "CPU worker": "ms/phase",
    "CPU Postgres": "ms/phase",
    "memory": "MB",
}


async def run(server: Server, names: Sequence[str], size: Size, log: Callable[[str], None]) -> list[Figure]:
    present = [name for name in names if _is_installed(name, log)]
    rounds: dict[str, list[Round]] = defaultdict(list)
    probes = []
    async with AsyncExitStack() as stack:
        urls = {name: stack.enter_context(server.database(name)) for name in present}
        for name, url in urls.items():
            await prepare(name, url)
        for number in range(size.rounds):
            probes.append(commits_per_s(server.url))
            for name, url in urls.items():
                log(f"engines: round {number + 1} of {size.rounds}: {name}")
                rounds[name].append(await _round(name, url, size))
            _compare(rounds, number)
    disk = Figure(BENCHMARK, "disk", "commits on one connection", median(probes), "per s")
    return [*_figures(rounds), *_ratios(rounds), disk]


def commits_per_s(url: str) -> float:
    """How often the disk of this server makes a small transaction durable for one connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS benchmark_probe (at timestamptz)")
        [(begun,)] = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        for _ in range(COMMIT_PROBES):
            connection.execute("INSERT INTO benchmark_probe VALUES (clock_timestamp())")
        [(ended,)] = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        connection.execute("DROP TABLE benchmark_probe")
    return float(COMMIT_PROBES / (ended - begun))


async def _round(name: str, url: str, size: Size) -> Round:
    return {
        **await _one_worker(name, url, size),
        **await _two_workers(name, url, size),
        **(await _efficiency(name, url) if size.efficiency else {}),
    }


async def _one_worker(name: str, url: str, size: Size) -> Round:
    """Throughput, cost and latency of one worker."""
    commits = readings.commits(url)
    async with crew(name, url, workers=1, concurrency=CONCURRENCY) as one:
        await one.run(INSTANT, size.warm_up)
        before = readings.read(url, one.pids)
        took = await one.run(INSTANT, size.runs)
        cost = readings.read(url, one.pids).since(before)
        alone = sorted(await one.latencies(INSTANT, size.serial))
        memory = processes.rss_mb(one.pids[0])
    # the sessions of the workers are over, so that all their commits are counted
    commits = readings.commits(url) - commits
    phases = size.runs * INSTANT.phases
    figures = {
        "1 worker": size.runs / took,
        "1 worker, phases": phases / took,
        "alone, p50": median(alone) * 1e3,
        "alone, p95": quantiles(alone, n=20)[-1] * 1e3,
        "added, p50": median(alone) * 1e3 / INSTANT.phases,
        "WAL": cost.wal_bytes / size.runs / 1e3,
        "commits": commits / (size.warm_up + size.runs + size.serial),
        "CPU worker": cost.worker_cpu_s / phases * 1e3,
        "memory": memory,
    }
    if cost.postgres_cpu_s is not None:
        figures["CPU Postgres"] = cost.postgres_cpu_s / phases * 1e3
    return figures


async def _two_workers(name: str, url: str, size: Size) -> Round:
    async with crew(name, url, workers=2, concurrency=CONCURRENCY) as two:
        await two.run(INSTANT, size.warm_up)
        return {"2 workers": size.runs / await two.run(INSTANT, size.runs)}


async def _efficiency(name: str, url: str) -> Round:
    """The ideal time of 64 runs side by side, over the time they took."""
    async with crew(name, url, workers=1, concurrency=IN_FLIGHT) as one:
        await one.run(INSTANT, IN_FLIGHT)
        return {"64 calls of 100 ms": CALLS.ideal_s / await one.run(CALLS, IN_FLIGHT)}


def _compare(rounds: dict[str, list[Round]], number: int) -> None:
    """The ratios to the floor of the same round."""
    if FLOOR not in rounds:
        return
    floor = rounds[FLOOR][number]
    for each in rounds.values():
        for workers in ("1 worker", "2 workers"):
            each[number][f"of the floor, {workers}"] = each[number][workers] / floor[workers]


def _figures(rounds: dict[str, list[Round]]) -> list[Figure]:
    figures = []
    for name, each in rounds.items():
        targets = {"64 calls of 100 ms": EFFICIENCY, "added, p50": ADDED_MS} if name == OURS else {}
        for figure, unit in UNITS.items():
            values = [one[figure] for one in each if figure in one]
            if values:
                figures.append(Figure(BENCHMARK, name, figure, median(values), unit, targets.get(figure)))
    return figures


def _ratios(rounds: dict[str, list[Round]]) -> list[Figure]:
    """Ours over each other engine, round by round."""
    ratios = []
    for name, target in RATIOS.items():
        if name in rounds and OURS in rounds:
            pairs = zip(rounds[OURS], rounds[name], strict=True)
            ratio = median(ours["1 worker"] / theirs["1 worker"] for ours, theirs in pairs)
            ratios.append(Figure("ratios", OURS, f"over {name}, 1 worker", ratio, "x", target))
    return ratios


def _is_installed(name: str, log: Callable[[str], None]) -> bool:
    try:
        contender(name)
    except ModuleNotFoundError as error:
        log(f"engines: {MODULES[name]} is left out: {error}; see docs/performance.md for its packages")
        return False
    return True
