"""What phases, lists, reports and claims cost when the tables are full of finished runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from app.db import Database
from app.usage import daily
from tests.benchmarks import filling, plans, queries
from tests.benchmarks.crew import crew, prepare
from tests.benchmarks.engines import CONCURRENCY, OURS
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.plans import Plan, Watched
from tests.benchmarks.queries import Query
from tests.benchmarks.server import Server
from tests.benchmarks.workload import INSTANT

PAGE_MS = Target(at_most=20)
FLAT = Target(at_most=1.25)
"""Growth of the time of a run that still counts as none: rounds of the same size differ by as much."""
NO_SCANS = Target(at_most=0)
WALK = "worker: all statements of a run"
REPEATED = 15
DEGRADES_X = 3
DEGRADES_MS = 20
"""A query that is slower than this and grew by more than that is named in the notes."""
LONGEST_S = 3.0
"""A query that takes long is repeated only as often as fits."""


@dataclass(frozen=True)
class Size:
    steps: tuple[int, ...]
    """Finished runs in the tables."""
    runs: int
    serial: int


FULL = Size(steps=(0, 100_000, 1_000_000), runs=500, serial=60)
QUICK = Size(steps=(0, 20_000), runs=30, serial=5)


@dataclass
class Step:
    """What was found at one size."""

    finished: int
    times_ms: dict[str, float] = field(default_factory=dict)
    plans: dict[str, list[Plan]] = field(default_factory=dict)
    alone_ms: float = 0
    runs_per_s: float = 0
    scanned_per_run: float = 0
    """Rows of big tables that sequential scans read."""


async def run(server: Server, size: Size, log: Callable[[str], None]) -> tuple[list[Figure], list[str]]:
    """Figures, and a note for every query whose plan reads a big table from end to end or has changed."""
    steps: list[Step] = []
    with server.database("growth") as url:
        await prepare(OURS, url)
        watched = Watched(url)
        await queries.a_walk(watched)  # the snapshot that all finished runs have, and at least one run
        await watched.close()
        have = 0
        for finished in size.steps:
            filling.fill(url, have, finished, log)
            have = finished
            await _add_up(url)
            log(f"growth: measuring with {finished:,} finished runs")
            steps.append(await _measure(url, finished, size))
    return [*_run_figures(steps), *_query_figures(steps)], [*_degrading(steps), *_notes(steps)]


async def _add_up(url: str) -> None:
    """What a worker would have done all along, so that none does it while runs are measured."""
    database = Database(url)
    try:
        await daily.add_up(database)
    finally:
        await database.close()


async def _measure(url: str, finished: int, size: Size) -> Step:
    step = Step(finished)
    async with crew(OURS, url, workers=1, concurrency=CONCURRENCY) as one:
        await one.run(INSTANT, size.serial)
        before = filling.big_tables(url)
        step.runs_per_s = size.runs / await one.run(INSTANT, size.runs)
        step.alone_ms = median(await one.latencies(INSTANT, size.serial)) * 1e3
    after = filling.big_tables(url)
    read = sum(after[table] - before.get(table, after[table]) for table in after)
    step.scanned_per_run = read / (size.runs + size.serial)
    await _query_times(url, step)
    return step


async def _query_times(url: str, step: Step) -> None:
    database, watched = Database(url), Watched(url)
    try:
        named = await queries.every(database)
        for name, query in named.items():
            step.times_ms[name] = await _time_ms(database, query)
        for name, query in {WALK: queries.a_walk, **named}.items():
            watched.sent.clear()
            await query(watched)
            step.plans[name] = await plans.explained(url, tuple(watched.sent))
    finally:
        await database.close()
        await watched.close()


async def _time_ms(database: Database, query: Query) -> float:
    """Median of some calls, a warm one before; what the surface would wait for."""
    await query(database)
    took: list[float] = []
    while len(took) < REPEATED and sum(took) < LONGEST_S:
        begun = time.perf_counter()
        await query(database)
        took.append(time.perf_counter() - begun)
    return median(took) * 1e3


def _run_figures(steps: Sequence[Step]) -> list[Figure]:
    figures = []
    for step in steps:
        subject = f"{step.finished:,} finished runs"
        grown = step.alone_ms / steps[0].alone_ms
        target = FLAT if step.finished else None
        figures += [
            Figure("growth: runs", subject, "throughput", step.runs_per_s, "pipelines/s"),
            Figure("growth: runs", subject, "a phase, alone, p50", step.alone_ms / INSTANT.phases, "ms"),
            Figure("growth: runs", subject, "over the first", grown, "x", target),
            Figure("growth: runs", subject, "rows scanned", step.scanned_per_run, "per run", NO_SCANS),
        ]
    return figures


def _query_figures(steps: Sequence[Step]) -> list[Figure]:
    figures = []
    for name in steps[-1].times_ms:
        for step in steps:
            target = PAGE_MS if name.startswith("page:") and step is steps[-1] else None
            column = f"{step.finished:,} finished"
            figures.append(Figure("growth: queries", name, column, step.times_ms[name], "ms", target))
    for step in steps[-1:]:
        scanning = sum(1 for each in step.plans.values() if _scanned(each, step.finished))
        figures.append(
            Figure(
                "growth: plans", f"{step.finished:,} finished", "queries with a scan", scanning, "", NO_SCANS
            )
        )
    return figures


def _degrading(steps: Sequence[Step]) -> list[str]:
    last = steps[-1]
    first = next(
        (step for step in steps[:-1] if step.finished), steps[0]
    )  # an empty one has nothing to prune
    return [
        f"DEGRADES: {name}: {first.times_ms[name]:.1f} ms -> {now:.1f} ms"
        for name, now in last.times_ms.items()
        if now > DEGRADES_MS and now > DEGRADES_X * first.times_ms[name]
    ]


def _notes(steps: Sequence[Step]) -> list[str]:
    """The plans at the largest size; what scans, and what differs from the size before."""
    last = steps[-1]
    earlier: Mapping[str, list[Plan]] = steps[-2].plans if len(steps) > 1 and steps[-2].finished else {}
    notes = []
    for name, each in last.plans.items():
        now = "; ".join(dict.fromkeys(plan.shape for plan in each if plan.shape != "no table"))
        scanned = _scanned(each, last.finished)
        flag = f"SCANS {', '.join(sorted(scanned))}: " if scanned else ""
        changed = ""
        with suppress(KeyError):
            before = "; ".join(
                dict.fromkeys(plan.shape for plan in earlier[name] if plan.shape != "no table")
            )
            changed = "" if before == now else f" (at {steps[-2].finished:,}: {before})"
        notes.append(f"plan of {name}: {flag}{now}{changed}")
    return notes


def _scanned(each: Sequence[Plan], finished: int) -> set[str]:
    """Big tables that one of the plans reads from end to end."""
    if finished < filling.BIG_ROWS:
        return set()
    return {table for plan in each for table in plan.scanned if table in filling.TABLES}
