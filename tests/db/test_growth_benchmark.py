"""The growth benchmark's own parts: rows by SQL, and the plans of what our code asks."""

from __future__ import annotations

from app.db import Database
from tests.benchmarks import filling, growth, plans, queries
from tests.benchmarks.contenders.workbench import Workbench
from tests.benchmarks.plans import Plan, Watched

RUNS = 1_000


async def filled(database: Database) -> Watched:
    """A database with finished runs, through which every statement is noted."""
    await Workbench().prepare(database.url)
    watched = Watched(database.url)
    await queries.a_walk(watched)
    filling.fill(database.url, 0, RUNS, lambda _: None)
    return watched


async def test_every_query_of_the_growth_benchmark_runs_and_has_a_plan(database: Database) -> None:
    watched = await filled(database)
    for name, query in (await queries.every(watched)).items():
        watched.sent.clear()
        await query(watched)
        assert await plans.explained(database.url, watched.sent), name
    await watched.close()


async def test_a_walk_is_watched_from_creation_to_end_and_reads_no_filled_table_whole(
    database: Database,
) -> None:
    watched = await filled(database)
    watched.sent.clear()
    await queries.a_walk(watched)
    found = await plans.explained(database.url, watched.sent)
    await watched.close()
    assert any("Insert artifacts" in plan.shape for plan in found)
    assert not {table for plan in found for table in plan.scanned} & {"pipelines", "artifacts", "events"}


def test_a_query_that_reads_a_big_table_whole_is_named() -> None:
    scanning = Plan("Seq Scan events", frozenset({"events"}))
    step = growth.Step(1_000_000, times_ms={"a page": 90.0}, plans={"a page": [scanning]})
    empty = growth.Step(0, times_ms={"a page": 1.0})
    assert growth._notes([empty, step]) == ["plan of a page: SCANS events: Seq Scan events"]
    assert growth._degrading([empty, step]) == ["DEGRADES: a page: 1.0 ms -> 90.0 ms"]
