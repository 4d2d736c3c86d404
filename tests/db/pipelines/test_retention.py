"""What is removed of finished runs, what stays, and that nobody who works is in the way of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import ProgrammingError

from app.db import Database
from app.pipelines.retention import history, portion
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.pruner import Pruner
from app.tables import (
    Artifact,
    Budget,
    Chore,
    Event,
    ModelAnswer,
    Pipeline,
    PromptUsage,
    State,
)
from tests.db.past import FINISHED, SNAPSHOT, Past, artifact

MONTH = Policy(history=timedelta(days=30), workspaces=timedelta(days=7))
FOR_EVER = Policy()
LEDGER = select(func.count(), func.sum(PromptUsage.cost_usd), func.sum(PromptUsage.output_tokens))


def pruner(database: Database, folder: Path, policy: Policy = MONTH) -> Pruner:
    return Pruner(database, folder, policy, temporary=folder)


@pytest.mark.parametrize("state", sorted(FINISHED))
async def test_an_old_finished_run_keeps_its_facts_and_loses_its_history(
    past: Past, tmp_path: Path, state: State
) -> None:
    run = await past.run(state, days_ago=31)
    assert await pruner(past.database, tmp_path).prune() == Pruned(runs=1, events=3, artifacts=1, answers=1)
    assert await past.counts(run) == {
        "Event": 0, "ModelAnswer": 0, "Artifact": 1,
        "Pipeline": 1, "PhaseRun": 2, "PromptUsage": 1, "CommitIntent": 1, "Wait": 1,
    }  # fmt: skip
    assert (await past.again(run)).pruned_at is not None


async def test_the_budget_of_a_run_goes_with_its_history_and_that_of_a_live_run_stays(
    past: Past, tmp_path: Path
) -> None:
    old, live = await past.run(days_ago=31), await past.run(State.PAUSED, days_ago=31)
    async with past.database.transaction() as session:
        session.add_all([Budget(name=f"run:{run.id}") for run in (old, live)])
    await pruner(past.database, tmp_path).prune()
    async with past.database.transaction() as session:
        assert (await session.scalars(select(Budget.name))).all() == [f"run:{live.id}"]


async def test_the_version_that_stays_is_the_current_one(past: Past, tmp_path: Path) -> None:
    run = await past.run(days_ago=31)
    await pruner(past.database, tmp_path).prune()
    async with past.database.transaction() as session:
        rows = (await session.scalars(select(Artifact).where(Artifact.pipeline_id == run.id))).all()
    assert [(row.version, row.current) for row in rows] == [(2, True)]


@pytest.mark.parametrize("state", sorted(set(State) - FINISHED))
async def test_a_run_that_is_not_finished_keeps_everything_however_old(
    past: Past, tmp_path: Path, state: State
) -> None:
    run = await past.run(state, days_ago=4000)
    before = await past.counts(run)
    assert await pruner(past.database, tmp_path).prune() == Pruned()
    assert await past.counts(run) == before


@pytest.mark.parametrize(
    ("policy", "gone"),
    [(MONTH, False), (Policy(history=timedelta(0)), True), (FOR_EVER, False)],
    ids=["a month", "at once", "for ever"],
)
async def test_a_run_that_has_just_finished_is_pruned_only_when_nothing_is_to_be_kept(
    past: Past, tmp_path: Path, policy: Policy, gone: bool
) -> None:
    run = await past.run()
    await pruner(past.database, tmp_path, policy).prune()
    assert (await past.count(Event, run) == 0) is gone


async def test_what_is_kept_for_ever_stays(past: Past, tmp_path: Path) -> None:
    run = await past.run(days_ago=4000)
    assert await pruner(past.database, tmp_path, FOR_EVER).prune() == Pruned()
    assert await past.count(Event, run) == 3


async def test_the_ledger_adds_up_to_the_same_before_and_after(past: Past, tmp_path: Path) -> None:
    for days in (1, 31, 400):
        await past.run(days_ago=days)
    async with past.database.transaction() as session:
        before = (await session.execute(LEDGER)).one()
    await pruner(past.database, tmp_path).prune()
    async with past.database.transaction() as session:
        assert (await session.execute(LEDGER)).one() == before


async def test_a_second_time_there_is_nothing_to_do(past: Past, tmp_path: Path) -> None:
    await past.run(days_ago=31)
    await pruner(past.database, tmp_path).prune()
    assert await pruner(past.database, tmp_path).prune() == Pruned()


async def test_a_preview_counts_what_would_go_and_changes_nothing(past: Past, tmp_path: Path) -> None:
    runs = [await past.run(days_ago=31), await past.run(days_ago=29)]
    before = [await past.counts(run) for run in runs]
    seen = await pruner(past.database, tmp_path).preview()
    assert seen == Pruned(runs=1, events=3, artifacts=1, answers=1)
    assert [await past.counts(run) for run in runs] == before
    assert await pruner(past.database, tmp_path).prune() == seen
    assert await pruner(past.database, tmp_path, FOR_EVER).preview() == Pruned()


async def test_a_version_that_another_run_refers_to_stays(past: Past, tmp_path: Path) -> None:
    first, retry = await past.run(days_ago=31), await past.run(State.RUNNING, rows=False)
    async with past.database.transaction() as session:
        older = (
            await session.scalars(select(Artifact).where(Artifact.pipeline_id == first.id, ~Artifact.current))
        ).one()
        session.add(artifact(retry.id, 1, current=True, copied_from=older.id))
    assert (await pruner(past.database, tmp_path).prune()).artifacts == 0
    assert await past.count(Artifact, first) == 2


@pytest.mark.parametrize(
    ("events", "at_once"),
    [((400, 600, 1), 2), ((400, 601, 1), 1), ((1500, 1), 1), ((0, 0, 0), 3)],
    ids=["what fits", "no more than fits", "one that is larger", "without events"],
)
async def test_a_transaction_takes_few_runs_and_each_of_them_whole(
    past: Past, events: tuple[int, ...], at_once: int
) -> None:
    runs = [await past.run(days_ago=40 - n, events=count) for n, count in enumerate(events)]
    async with past.database.transaction() as session:
        first = await history.prune_some(session, timedelta(days=30))
    assert first == Pruned(runs=at_once, events=sum(events[:at_once]), artifacts=at_once, answers=at_once)
    assert [(await past.again(run)).pruned_at is not None for run in runs[:at_once]] == [True] * at_once
    assert [await past.count(Event, run) for run in runs[at_once:]] == list(events[at_once:])


async def test_two_at_once_share_the_work(past: Past, tmp_path: Path) -> None:
    for _ in range(20):
        await past.run(days_ago=31, events=1)
    both = await asyncio.gather(*(pruner(past.database, tmp_path).prune() for _ in range(2)))
    assert both[0] + both[1] == Pruned(runs=20, events=20, artifacts=20, answers=20)


async def test_runs_that_another_process_prunes_are_left_to_it(past: Past) -> None:
    await past.run(days_ago=31)
    async with past.database.transaction() as one, past.database.transaction() as other:
        assert await history.prune_some(one, timedelta(days=30)) is not None
        assert await history.prune_some(other, timedelta(days=30)) is None


async def test_who_looks_for_work_does_not_read_the_runs_that_are_pruned_already(past: Past) -> None:
    await past.run(days_ago=31, rows=False)
    async with past.database.transaction() as session:
        await session.execute(text(MANY_PRUNED), {"snapshot": SNAPSHOT})
        await session.execute(text("ANALYZE pipelines"))
        query = history.due(timedelta(days=30)).limit(portion.OWNERS).with_for_update(skip_locked=True)
        compiled = query.compile(session.bind, compile_kwargs={"literal_binds": True})
        plan = (await session.scalars(text(f"EXPLAIN {compiled}"))).all()
    assert any("ix_pipelines_to_prune" in line for line in plan)
    assert not any("Seq Scan" in line or "Sort" in line for line in plan)


MANY_PRUNED = """
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, target, position, round,
                           attempts, fence, event_count, created_at, updated_at, finished_at, pruned_at)
    SELECT gen_random_uuid(), 'An epic', 'small', :snapshot, 'succeeded', 'end', 6, 0, 0, 1, 20,
           now() - interval '100 days', now(), now() - interval '100 days', now()
    FROM generate_series(1, 20000)
"""


async def test_it_is_time_once_an_hour_for_one_of_all_workers(past: Past, tmp_path: Path) -> None:
    first, second = pruner(past.database, tmp_path), pruner(past.database, tmp_path)
    await past.run(days_ago=31)
    assert await first.tick() == Pruned(runs=1, events=3, artifacts=1, answers=1)
    await past.run(days_ago=31)
    assert await first.tick() is None
    assert await second.tick() == Pruned()
    async with past.database.transaction() as session:
        await session.execute(update(Chore).values(started_at=func.now() - timedelta(hours=2)))
    third = pruner(past.database, tmp_path)
    done = await third.tick()
    assert done is not None
    assert done.runs == 1


async def test_after_an_outage_it_is_still_time(past: Past, tmp_path: Path) -> None:
    await past.run(days_ago=31)
    once = pruner(past.database, tmp_path)
    async with past.database.transaction() as session:
        await session.execute(text("ALTER TABLE chores RENAME TO lost"))
    with pytest.raises(ProgrammingError):
        await once.tick()
    async with past.database.transaction() as session:
        await session.execute(text("ALTER TABLE lost RENAME TO chores"))
    done = await once.tick()
    assert done is not None
    assert done.runs == 1


async def test_wake_ups_leave_no_log_behind(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) VALUES (1, 'queued', 'e', 0)"
            )
        )
        assert await session.scalar(text("SELECT count(*) FROM pgqueuer_log")) == 0


async def test_answers_of_a_run_go_and_those_of_its_neighbour_stay(past: Past, tmp_path: Path) -> None:
    old, young = await past.run(days_ago=31), await past.run(days_ago=29)
    await pruner(past.database, tmp_path).prune()
    assert [await past.count(ModelAnswer, run) for run in (old, young)] == [0, 1]
    async with past.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Pipeline)) == 2
