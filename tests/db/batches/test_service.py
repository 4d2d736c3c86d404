"""What people do with batches, and what is refused."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.errors import Conflict, Invalid, NotFound, TooLarge
from app.pipelines.batches import store
from app.pipelines.batches.inputs import texts
from app.pipelines.batches.service import BatchTerms
from app.tables import Batch
from tests.db.batching import Bench


async def test_a_bad_input_stores_nothing(bench: Bench) -> None:
    with pytest.raises(Invalid, match=r"inputs\[1500\]"):
        await bench.batches.create(texts(["a"] * 1500 + [3]), BatchTerms(definition="small"))
    async with bench.database.transaction() as session:
        assert await store.page(session, after=None, limit=10) == []


async def test_a_batch_needs_an_input(bench: Bench) -> None:
    with pytest.raises(Invalid, match="no inputs"):
        await bench.create([])


async def test_a_batch_has_its_limit(bench: Bench) -> None:
    with pytest.raises(TooLarge, match="at most 100,000 inputs"):
        await bench.create(["a"] * (store.MAX_ITEMS + 1))


@pytest.mark.parametrize("terms", [{"concurrency": 0}, {"concurrency": 1001}, {"max_attempts": 0}])
async def test_terms_out_of_bounds_are_refused(bench: Bench, terms: dict[str, int]) -> None:
    with pytest.raises(Invalid, match=next(iter(terms))):
        await bench.create(["a"], **terms)


async def test_the_first_items_start_with_the_batch(bench: Bench) -> None:
    batch = await bench.create(["a"] * 5, concurrency=2)
    assert (batch.running, batch.pending) == (2, 3)


async def test_a_paused_batch_starts_nothing_and_goes_on_when_resumed(bench: Bench) -> None:
    batch = await bench.create(["a"] * 5, concurrency=2)
    assert (await bench.batches.pause(batch.id)).state == "paused"
    await _walk_all(bench, batch)
    await bench.feeder().tick()
    assert await bench.states(batch) == ["succeeded"] * 2 + ["pending"] * 3
    assert (await bench.batches.resume(batch.id)).running == 2
    assert (await bench.work(batch)).state == "finished"


async def test_a_paused_batch_with_nothing_left_finishes(bench: Bench) -> None:
    batch = await bench.create(["a"])
    await bench.batches.pause(batch.id)
    assert (await bench.work(batch)).state == "finished"


async def test_cancelling_ends_what_is_pending_and_what_no_worker_holds(bench: Bench) -> None:
    batch = await bench.create(["a"] * 5, concurrency=2)
    batch = await bench.batches.cancel(batch.id)
    assert (batch.state, batch.cancelled) == ("cancelled", 5)
    assert batch.finished_at is not None
    assert len(await bench.runs(batch, "cancelled")) == 2
    assert await bench.counts_are_true(batch)


async def test_what_succeeded_before_stays_in_a_cancelled_batch(bench: Bench) -> None:
    batch = await bench.create(["a", "down", "wrong", "b"], concurrency=3)
    await _walk_all(bench, batch)
    batch = await bench.batches.cancel(batch.id)
    assert await bench.states(batch) == ["succeeded", "cancelled", "dead", "cancelled"]
    assert await bench.counts_are_true(batch)


async def test_dead_letters_are_tried_again_as_if_they_were_new(bench: Bench) -> None:
    batch = await bench.work(await bench.create(["a", "wrong", "down"], max_attempts=2))
    assert (batch.state, batch.dead) == ("finished", 2)
    batch = await bench.batches.retry(batch.id)
    assert (batch.state, batch.dead, batch.running, batch.finished_at) == ("open", 0, 2, None)
    batch = await bench.work(batch)
    assert [item.attempts for item in await bench.items(batch)] == [1, 1, 2]
    assert (batch.state, batch.dead) == ("finished", 2)


async def test_dead_letters_of_a_paused_batch_wait_with_it(bench: Bench) -> None:
    batch = await bench.create(["wrong", "a"], concurrency=1)
    await _walk_all(bench, batch)
    await bench.batches.pause(batch.id)
    batch = await bench.batches.retry(batch.id)
    assert (batch.state, batch.pending, batch.running) == ("paused", 2, 0)


async def test_an_action_that_does_not_fit_says_why(bench: Bench) -> None:
    batch = await bench.create(["a"])
    with pytest.raises(Conflict, match="no dead letters"):
        await bench.batches.retry(batch.id)
    with pytest.raises(Conflict, match="open already"):
        await bench.batches.resume(batch.id)
    await bench.work(batch)
    with pytest.raises(Conflict, match="its dead letters can be retried"):
        await bench.batches.resume(batch.id)
    with pytest.raises(Conflict, match="a finished batch can not become paused"):
        await bench.batches.pause(batch.id)
    other = await bench.batches.cancel((await bench.create(["a"])).id)
    with pytest.raises(Conflict, match="was cancelled"):
        await bench.batches.retry(other.id)
    with pytest.raises(NotFound, match="no batch"):
        await bench.batches.pause(uuid4())


async def _walk_all(bench: Bench, batch: Batch) -> None:
    for run in await bench.runs(batch, "queued"):
        await bench.engine.walk(await bench.engine.service.get(run))
