"""A batch that is an improvement: each item builds on the last green commit, and it knows when to stop."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.pipelines.batches.service import BatchTerms
from app.pipelines.batches.stacking import Terms, step_towards
from app.pipelines.definition import Phase
from app.pipelines.phases.kind import Ask, PhaseContext, PhaseResult, Waiting
from app.tables import Batch, Budget, Improvement, Pipeline, WaitReason
from app.usage import budgets
from app.usage.budget import Defaults
from tests.db.batching import LEDGER, Bench, Down, Wrong
from tests.db.scripted import Doing, thing


def commit_of(epic: str) -> str:
    return hashlib.sha1(epic.encode(), usedforsecurity=False).hexdigest()


async def committing(context: PhaseContext) -> PhaseResult:
    """Commits, unless the epic says that it is red, or that it needs more money."""
    if context.epic_description.startswith("red"):
        raise Wrong("the tests fail")
    if context.epic_description.startswith("down"):
        raise Down("nobody answers")
    if context.epic_description.startswith("dear"):
        raise Waiting(Ask(WaitReason.BUDGET, f"run:{context.pipeline_id}"))
    epic = context.epic_description
    return thing(commit=commit_of(epic), subject=f"Did {len(epic)}")


class Stack:
    """A bench whose one phase commits."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def begin(self) -> None:
        self.bench.engine.kinds["kind"] = Doing(committing)
        phase = Phase(name="commit", kind="kind", artifact="commit", schema="row:thing")
        await self.bench.engine.define(phase)

    async def order(self, epics: Sequence[str], **terms: Any) -> Batch:
        stack = Terms(goal="Better", **terms)
        return await self.bench.batches.create(iter(epics), BatchTerms(definition="small"), stack)

    async def done(self, epics: Sequence[str], **terms: Any) -> Batch:
        return await self.bench.work(await self.order(epics, **terms))

    async def stopped(self, batch: Batch) -> str | None:
        async with self.bench.database.transaction() as session:
            return (await session.get_one(Improvement, batch.id)).stopped

    async def bases(self, batch: Batch) -> list[tuple[str, str | None]]:
        """Epic and base commit of each run, in their order."""
        async with self.bench.database.transaction() as session:
            rows = await session.scalars(
                select(Pipeline).where(Pipeline.batch_id == batch.id).order_by(Pipeline.created_at)
            )
            return [(run.epic_description, run.base_commit) for run in rows]


@pytest.fixture
async def stack(bench: Bench) -> Stack:
    made = Stack(bench)
    await made.begin()
    return made


async def test_each_run_starts_from_the_commit_of_the_last_green_one(stack: Stack) -> None:
    batch = await stack.done(["a", "red b", "c"])
    assert await stack.bases(batch) == [("a", None), ("red b", commit_of("a")), ("c", commit_of("a"))]
    assert (batch.state, batch.succeeded, batch.dead) == ("finished", 2, 1)
    assert await stack.stopped(batch) is None


async def test_its_items_run_one_after_the_other(stack: Stack) -> None:
    batch = await stack.order(["a", "b"])
    assert len(await stack.bench.runs(batch)) == 1
    await stack.bench.feeder().tick()
    assert len(await stack.bench.runs(batch)) == 1


async def test_an_item_that_is_tried_again_goes_before_the_later_ones(stack: Stack) -> None:
    batch = await stack.done(["down", "b"])
    assert [epic for epic, _ in await stack.bases(batch)] == ["down"] * 3 + ["b"]


async def test_it_stops_after_so_many_failures_in_a_row(stack: Stack) -> None:
    batch = await stack.done(["red", "a", "red 1", "red 2", "b", "c"], max_failures=2)
    assert await stack.bench.states(batch) == ["dead", "succeeded", "dead", "dead", "cancelled", "cancelled"]
    assert (batch.state, await stack.stopped(batch)) == ("finished", "failures")


async def test_one_whose_dead_letters_are_tried_again_has_not_stopped(stack: Stack) -> None:
    batch = await stack.done(["red 1", "b"], max_failures=1)
    assert (batch.state, await stack.stopped(batch)) == ("finished", "failures")
    batch = await stack.bench.batches.retry(batch.id)
    assert (batch.state, batch.running, await stack.stopped(batch)) == ("open", 1, None)
    batch = await stack.bench.work(batch)
    assert (batch.state, batch.dead, await stack.stopped(batch)) == ("finished", 1, None)


async def test_it_stops_once_its_runs_have_cost_what_they_may(stack: Stack) -> None:
    batch = await stack.order(["a", "b", "c"], max_usd=Decimal("0.3"))
    await spend(stack, batch)
    batch = await stack.bench.work(batch)
    assert await stack.bench.states(batch) == ["succeeded", "cancelled", "cancelled"]
    assert await stack.stopped(batch) == "budget_usd"


async def test_a_run_gets_what_is_left_and_no_more(stack: Stack) -> None:
    batch = await stack.order(["a", "b"], max_usd=Decimal("0.5"), max_tokens=1000)
    assert await limits(stack, batch) == [(Decimal("0.5"), 1000)]
    await spend(stack, batch)
    await stack.bench.work(batch)
    assert await limits(stack, batch) == [(Decimal("0.5"), 1000), (Decimal("0.125"), 999)]


async def test_a_run_that_needs_more_than_is_left_is_cancelled(stack: Stack) -> None:
    batch = await stack.done(["a", "dear", "b"], max_tokens=1000)
    assert await stack.bench.states(batch) == ["succeeded", "cancelled", "cancelled"]
    assert (batch.state, await stack.stopped(batch)) == ("cancelled", "budget_tokens")


async def test_a_run_that_comes_up_against_the_limit_of_every_run_waits_while_more_is_left(
    stack: Stack,
) -> None:
    async with stack.bench.database.transaction() as session:
        await budgets.change(session, "run", {"limit_tokens": 5}, Defaults())
    batch = await stack.order(["dear", "b"], max_tokens=1000)
    [run] = await stack.bench.runs(batch)
    waiting = await stack.bench.engine.walk(await stack.bench.engine.service.get(run))
    await stack.bench.feeder().tick()
    assert (waiting.state, await stack.bench.states(batch)) == ("waiting", ["running", "pending"])
    assert await stack.stopped(batch) is None


async def test_without_a_limit_of_its_own_its_runs_wait_for_somebody_who_raises_the_budget(
    stack: Stack,
) -> None:
    batch = await stack.order(["dear"])
    [run] = await stack.bench.runs(batch)
    waiting = await stack.bench.engine.walk(await stack.bench.engine.service.get(run))
    await stack.bench.feeder().tick()
    assert (waiting.state, await stack.bench.states(batch)) == ("waiting", ["running"])


async def test_each_step_towards_a_goal_is_told_what_was_done(stack: Stack) -> None:
    batch = await stack.done(["Be quick"] * 3, is_repeated=True)
    first = step_towards("Be quick", [])
    second = step_towards("Be quick", [f"Did {len(first)}"])
    third = step_towards("Be quick", [f"Did {len(first)}", f"Did {len(second)}"])
    assert [epic for epic, _ in await stack.bases(batch)] == [first, second, third]


async def spend(stack: Stack, batch: Batch) -> None:
    """0.375 dollars and one token in its first run."""
    [run] = await stack.bench.runs(batch)
    await stack.bench.execute(LEDGER, run=run)


async def limits(stack: Stack, batch: Batch) -> list[tuple[Decimal | None, int | None]]:
    """Of the budget of each of its runs."""
    names = [f"run:{run}" for run in await stack.bench.runs(batch)]
    async with stack.bench.database.transaction() as session:
        found = [await session.get_one(Budget, name) for name in names]
        return [(row.limit_usd, row.limit_tokens) for row in found]
