"""The items of a batch go long after its end, all at once; the batch, its runs and its bill stay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from app.errors import Conflict, Gone
from app.pipelines.batches import results
from app.pipelines.batches.inputs import Format
from app.pipelines.retention import items, portion
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.pruner import Pruner
from app.tables import Artifact, Batch, BatchItem, Pipeline
from tests.db.batching import LEDGER, Bench

YEAR = Policy(results=timedelta(days=365))


def pruner(bench: Bench, folder: Path, policy: Policy = YEAR) -> Pruner:
    return Pruner(bench.database, folder, policy, temporary=folder)


async def ended(bench: Bench, *inputs: str, days_ago: float = 366) -> Batch:
    """A batch whose items came to their end so long ago."""
    batch = await bench.work(await bench.create(inputs))
    return await aged(bench, batch, days_ago)


async def aged(bench: Bench, batch: Batch, days_ago: float) -> Batch:
    past = "UPDATE batches SET finished_at = now() - make_interval(days => :days) WHERE id = :id"
    await bench.execute(past, days=days_ago, id=batch.id)
    return await bench.batches.get(batch.id)


async def result_lines(bench: Bench, batch: Batch) -> list[str]:
    return [part async for part in results.lines(bench.database, batch.id, Format.JSONL)]


async def rows(bench: Bench, query: Any) -> list[Any]:
    async with bench.database.transaction() as session:
        return list(await session.scalars(query))


async def test_items_go_a_year_after_the_end_and_the_batch_keeps_its_counts(
    bench: Bench, tmp_path: Path
) -> None:
    old = await ended(bench, "a", "wrong", "b")
    young = await ended(bench, "a", days_ago=364)
    assert await pruner(bench, tmp_path).preview() == Pruned(batches=1, items=3)
    assert await pruner(bench, tmp_path).prune() == Pruned(batches=1, items=3)
    assert await pruner(bench, tmp_path).prune() == Pruned()
    assert [len(await bench.items(batch)) for batch in (old, young)] == [0, 1]
    after = await bench.batches.get(old.id)
    assert (after.state, after.total, after.succeeded, after.dead) == ("finished", 3, 2, 1)
    assert after.pruned_at is not None


async def test_the_runs_their_artifacts_and_the_bill_stay(bench: Bench, tmp_path: Path) -> None:
    batch = await bench.create(["a"])
    for run in await bench.runs(batch):
        await bench.execute(LEDGER, run=run)
    batch = await aged(bench, await bench.work(batch), 366)
    before = (await bench.batches.account(batch)).bill
    await pruner(bench, tmp_path).prune()
    (run,) = await rows(bench, select(Pipeline).where(Pipeline.batch_id == batch.id))
    assert (run.batch_item, run.epic_description) == (1, "a")
    assert await rows(bench, select(Artifact.body).where(Artifact.pipeline_id == run.id)) == [{"length": 1}]
    assert (await bench.batches.account(batch)).bill == before


async def test_what_has_no_end_keeps_its_items_however_old(bench: Bench, tmp_path: Path) -> None:
    waiting, paused, cancelled = [await bench.create(["a"]) for _ in range(3)]
    await bench.batches.pause(paused.id)
    await bench.batches.cancel(cancelled.id)
    await bench.execute("UPDATE batches SET created_at = now() - interval '4000 days'")
    assert await pruner(bench, tmp_path, Policy(results=timedelta(0))).prune() == Pruned(batches=1, items=1)
    assert [len(await bench.items(batch)) for batch in (waiting, paused, cancelled)] == [1, 1, 0]


async def test_what_is_kept_for_ever_stays(bench: Bench, tmp_path: Path) -> None:
    batch = await ended(bench, "a", days_ago=4000)
    assert await pruner(bench, tmp_path, Policy()).prune() == Pruned()
    assert len(await bench.items(batch)) == 1


async def test_the_results_of_a_pruned_batch_are_gone_and_not_empty(bench: Bench, tmp_path: Path) -> None:
    batch = await ended(bench, "a", "wrong")
    assert len(await result_lines(bench, batch)) == 1
    await pruner(bench, tmp_path).prune()
    with pytest.raises(Gone, match=r"were removed on .* \(WORKBENCH_KEEP_RESULTS_DAYS\)"):
        await result_lines(bench, batch)
    with pytest.raises(Gone):
        await bench.batches.retry(batch.id)


async def test_results_that_go_while_they_are_read_are_no_shorter_results(
    bench: Bench, tmp_path: Path
) -> None:
    batch = await bench.create(["a"] * (results.PAGE + 1))
    await bench.batches.cancel(batch.id)
    reading = results.lines(bench.database, batch.id, Format.JSONL)
    assert (await anext(reading)).count("\n") == results.PAGE
    await pruner(bench, tmp_path, Policy(results=timedelta(0))).prune()
    with pytest.raises(Gone):
        await anext(reading)


async def test_a_retry_counts_from_the_new_end(bench: Bench, tmp_path: Path) -> None:
    batch = await ended(bench, "wrong")
    batch = await bench.batches.retry(batch.id)
    assert await pruner(bench, tmp_path).prune() == Pruned()
    batch = await bench.work(batch)
    assert await pruner(bench, tmp_path).prune() == Pruned()
    with pytest.raises(Conflict, match="finished"):
        await bench.batches.resume(batch.id)


@pytest.mark.parametrize(
    ("totals", "at_once"),
    [((400, 600, 1), 2), ((400, 601), 1), ((1500, 1), 1)],
    ids=["what fits", "no more than fits", "one that is larger"],
)
async def test_a_transaction_takes_few_batches_and_each_of_them_whole(
    bench: Bench, totals: tuple[int, ...], at_once: int
) -> None:
    for days, total in enumerate(totals):
        batch = await bench.create(["a"] * total)
        await bench.batches.cancel(batch.id)
        await aged(bench, batch, 500 - days)
    async with bench.database.transaction() as session:
        done = await items.prune_some(session, timedelta(days=365))
    assert done == Pruned(batches=at_once, items=sum(totals[:at_once]))
    left = await rows(bench, select(BatchItem.batch_id))
    assert len(left) == sum(totals[at_once:])


async def test_two_at_once_share_the_work(bench: Bench, tmp_path: Path) -> None:
    for _ in range(5):
        await ended(bench, "a")
    both = await asyncio.gather(*(pruner(bench, tmp_path).prune() for _ in range(2)))
    assert both[0] + both[1] == Pruned(batches=5, items=5)


async def test_who_looks_for_work_does_not_read_the_batches_that_are_pruned_already(bench: Bench) -> None:
    batch = await ended(bench, "a")
    await bench.execute(MANY_PRUNED, snapshot=batch.snapshot)
    await bench.execute("ANALYZE batches")
    query = items.due(timedelta(days=365)).limit(portion.OWNERS)
    async with bench.database.transaction() as session:
        compiled = query.compile(session.bind, compile_kwargs={"literal_binds": True})
        plan = (await session.scalars(text(f"EXPLAIN {compiled}"))).all()
    assert any("ix_batches_to_prune" in line for line in plan)
    assert not any("Seq Scan" in line or "Sort" in line for line in plan)


MANY_PRUNED = """
    INSERT INTO batches (id, definition, snapshot, state, concurrency, max_attempts, total, pending, running,
                         succeeded, dead, cancelled, spent_usd, finished_at, pruned_at)
    SELECT gen_random_uuid(), 'small', :snapshot, 'finished', 8, 3, 0, 0, 0, 0, 0, 0, 0,
           now() - interval '400 days', now()
    FROM generate_series(1, 20000)
"""
