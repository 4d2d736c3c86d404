"""What the feeder does with the items of open batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.llm.errors import RateLimited
from app.pipelines.batches import feeder as feeding
from app.tables import Batch, DefinitionSnapshot, Pipeline, Priority
from tests.db.batching import LEDGER, Bench, Down
from tests.db.scripted import Gate, Scripted, soon, thing, working


async def test_every_input_becomes_a_run_and_the_batch_finishes(bench: Bench) -> None:
    batch = await bench.work(await bench.create(["a", "bb", "ccc"], concurrency=2))
    assert (batch.state, batch.succeeded, batch.total) == ("finished", 3, 3)
    items = await bench.items(batch)
    assert [(item.input, item.state, item.attempts) for item in items] == [
        ("a", "succeeded", 1),
        ("bb", "succeeded", 1),
        ("ccc", "succeeded", 1),
    ]


async def test_the_runs_of_a_batch_say_whose_they_are(bench: Bench) -> None:
    batch = await bench.create(["a"])
    async with bench.database.transaction() as session:
        run = await session.scalar(select(Pipeline).where(Pipeline.batch_id == batch.id))
    assert run is not None
    assert (run.batch_item, run.priority, run.epic_description, run.state) == (
        1,
        Priority.BATCH,
        "a",
        "queued",
    )
    assert run.snapshot == batch.snapshot


async def test_no_more_items_run_at_once_than_the_batch_allows(bench: Bench) -> None:
    batch = await bench.create([str(n) for n in range(20)], concurrency=3)
    feeders = [bench.feeder() for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(*(feeder.tick() for feeder in feeders))
        live = await bench.runs(batch, "queued", "running")
        assert len(live) == 3
        await bench.engine.walk(await bench.engine.service.get(live[0]))
    assert await bench.counts_are_true(batch)


async def test_a_feeder_looks_often_only_while_a_batch_has_no_end(bench: Bench) -> None:
    feeder = bench.feeder()
    await feeder.tick()
    assert feeder.rest_s() == feeding.QUIET_S
    batch = await bench.create(["a"])
    await feeder.tick()
    assert feeder.rest_s() == feeding.BUSY_S
    await bench.work(batch, feeder)
    await feeder.tick()
    assert feeder.rest_s() == feeding.QUIET_S


async def test_two_feeders_at_once_start_no_item_twice(bench: Bench) -> None:
    batch = await bench.create([str(n) for n in range(30)], concurrency=5)
    feeders = [bench.feeder() for _ in range(3)]
    while (await bench.batches.get(batch.id)).finished_at is None:
        walks = [bench.engine.service.get(run) for run in await bench.runs(batch, "queued")]
        for run in await asyncio.gather(*walks):
            await bench.engine.walk(run)
        await asyncio.gather(*(feeder.tick() for feeder in feeders))
    assert len(await bench.runs(batch)) == 30
    assert await bench.counts_are_true(batch)


async def test_a_large_batch_leaves_room_for_a_later_one(bench: Bench) -> None:
    large = await bench.create(["large"] * 300, concurrency=200)
    small = await bench.create(["small"] * 12, concurrency=4)
    feeder, walked = bench.feeder(), Counter[str]()
    while walked["small"] < 12:
        for run in await _queued(bench):  # the order of the queue
            await bench.engine.walk(run)
            walked[run.epic_description] += 1
        await feeder.tick()
    assert walked["large"] < 100
    assert (await bench.batches.get(small.id)).state == "finished"
    assert (await bench.batches.get(large.id)).state == "open"


async def test_what_waits_for_a_worker_grows_with_what_workers_end(bench: Bench) -> None:
    batch = await bench.create(["a"] * 300, concurrency=1000)
    feeder, handed_out = bench.feeder(), [batch.running]
    for _ in range(3):
        for run in await _queued(bench):
            await bench.engine.walk(run)
        await feeder.tick()
        handed_out.append(len(await _queued(bench)))
    assert handed_out == [feeding.READY, 16, 32, 64]


async def test_an_outage_is_tried_again_until_the_attempts_are_used_up(bench: Bench) -> None:
    batch = await bench.work(await bench.create(["down"], max_attempts=3))
    [item] = await bench.items(batch)
    assert (item.state, item.attempts) == ("dead", 3)
    assert item.error == {"code": "backend_down", "message": "nobody answers", "phase": "a"}
    assert len(await bench.runs(batch)) == 3


async def test_an_item_may_succeed_at_its_second_attempt(bench: Bench) -> None:
    await bench.use(Scripted(Down("nobody answers"), thing()))
    batch = await bench.work(await bench.create(["a"]))
    [item] = await bench.items(batch)
    assert (item.state, item.attempts, item.error) == ("succeeded", 2, None)
    assert item.pipeline_id == (await bench.runs(batch, "succeeded"))[0]


async def test_an_item_leaves_a_server_alone_for_as_long_as_it_asked(bench: Bench) -> None:
    await bench.use(Scripted(RateLimited("slower", retry_after_s=100), thing()))
    batch = await bench.create(["a"])
    [run] = await bench.runs(batch)
    ended = await bench.engine.walk(await bench.engine.service.get(run))
    assert ended.error == {
        "phase": "a",
        "code": "rate_limited",
        "message": "slower",
        "details": {"retry_after_s": 100},
    }
    await bench.feeder().tick()
    [[waits_s]] = await bench.execute("SELECT extract(epoch FROM due_at - now()) FROM batch_items")
    assert 0 < waits_s <= 100
    await bench.execute("UPDATE batch_items SET due_at = due_at - interval '100 seconds'")
    assert (await bench.work(batch)).succeeded == 1


async def test_an_item_waits_for_its_pause_to_be_over(bench: Bench) -> None:
    batch = await bench.create(["down"])
    patient = feeding.Feeder(bench.database, bench.engine.service, draw=lambda ceiling_s: 1000 * ceiling_s)
    [run] = await bench.runs(batch)
    await bench.engine.walk(await bench.engine.service.get(run))
    assert await patient.tick() == 1
    assert await patient.tick() == 0
    [item] = await bench.items(batch)
    assert (item.state, item.attempts) == ("pending", 1)
    await bench.execute("UPDATE batch_items SET due_at = now()")
    assert await patient.tick() == 1
    assert await bench.states(batch) == ["running"]


async def test_an_error_that_would_come_again_is_dead_at_once(bench: Bench) -> None:
    batch = await bench.work(await bench.create(["a", "wrong", "b"]))
    assert (batch.state, batch.succeeded, batch.dead) == ("finished", 2, 1)
    assert [item.attempts for item in await bench.items(batch)] == [1, 1, 1]


async def test_another_process_goes_on_with_a_batch(bench: Bench) -> None:
    batch = await bench.create([str(n) for n in range(20)], concurrency=4)
    for run in (await bench.runs(batch, "queued"))[:2]:
        await bench.engine.walk(await bench.engine.service.get(run))
    batch = await bench.work(batch, bench.feeder())
    assert (batch.state, batch.succeeded) == ("finished", 20)
    assert len(await bench.runs(batch)) == 20


async def test_a_run_that_somebody_cancels_ends_its_item(bench: Bench) -> None:
    batch = await bench.create(["a", "b"])
    [first, _] = await bench.runs(batch)
    await bench.engine.service.cancel(first)
    batch = await bench.work(batch)
    assert (batch.state, batch.cancelled, batch.succeeded) == ("finished", 1, 1)


async def test_a_batch_whose_snapshot_can_not_be_read_ends_with_dead_letters(bench: Bench) -> None:
    batch = await bench.create(["a", "b", "c"], concurrency=1)
    async with bench.database.transaction() as session:
        session.add(DefinitionSnapshot(sha256="f" * 64, body={"from": "the future"}))
    await bench.execute("UPDATE batches SET snapshot = repeat('f', 64)")
    batch = await bench.work(batch)
    assert (batch.state, batch.dead, batch.succeeded) == ("finished", 2, 1)
    assert (await bench.items(batch))[2].error["code"] == "unreadable_snapshot"


async def test_a_snapshot_of_an_older_version_still_makes_runs(bench: Bench) -> None:
    """Its digest differs from that of what this version makes of it."""
    batch = await bench.create(["a", "b"], concurrency=1)
    async with bench.database.transaction() as session:
        body = await session.scalar(select(DefinitionSnapshot.body))
        for phase in body["phases"]:
            del phase["limits"]["reasks"]
        session.add(DefinitionSnapshot(sha256="e" * 64, body=body))
    await bench.execute("UPDATE batches SET snapshot = repeat('e', 64)")
    batch = await bench.work(batch)
    assert batch.succeeded == 2


async def test_what_ended_attempts_cost_is_summed_up(bench: Bench) -> None:
    batch = await bench.create(["a", "b"])
    for run in await bench.runs(batch):
        await bench.execute(LEDGER, run=run)
    batch = await bench.work(batch)
    assert str(batch.spent_usd.normalize()) == "0.75"


async def test_a_tick_with_nothing_to_do_writes_nothing(bench: Bench) -> None:
    batch = await bench.create(["a"] * 3, concurrency=1)
    before = await _version(bench, batch)
    assert await bench.feeder().tick() == 0
    assert await _version(bench, batch) == before


async def test_two_workers_end_every_run(bench: Bench) -> None:
    batch = await bench.create(["a"] * 300, concurrency=200)
    async with working(bench.worker("one"), bench.worker("two")):
        batch = await soon(bench.until_finished(batch))
    assert (batch.state, batch.succeeded) == ("finished", 300)
    assert len(await bench.runs(batch)) == 300


async def test_cancelling_a_batch_stops_the_phase_under_way(bench: Bench) -> None:
    gate = Gate()
    await bench.use(gate)
    batch = await bench.create(["a", "b", "c"], concurrency=1)
    async with working(bench.worker("one", lease_s=0.4)):
        await soon(gate.entered.wait())
        await bench.batches.cancel(batch.id)
        await soon(bench.until_finished(batch))
    assert gate.stopped
    assert await bench.states(batch) == ["cancelled"] * 3


async def _queued(bench: Bench) -> Sequence[Pipeline]:
    async with bench.database.transaction() as session:
        query = select(Pipeline).where(Pipeline.state == "queued").order_by(Pipeline.created_at)
        return (await session.scalars(query)).all()


async def _version(bench: Bench, batch: Batch) -> Any:
    return (await bench.execute("SELECT xmin::text FROM batches WHERE id = :id", id=batch.id)).scalar_one()
