"""What workers do about schedules that are due."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.errors import NotFound
from app.pipelines.projects import ProjectDraft, save
from app.pipelines.schedules import store as schedules
from app.pipelines.schedules.ticking import ELSEWHERE, Ticker
from app.tables import Priority, State, TickOutcome
from tests.db.clockwork import Clockwork
from tests.db.repositories import make_repository

NINE = datetime(2026, 11, 21, 17, tzinfo=UTC)
"""09:00 in Los Angeles."""
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
OFTEN: dict[str, Any] = {"name": "often", "cron": "* * * * *", "timezone": "UTC"}


async def test_a_tick_starts_a_run_with_the_rendered_input(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    assert await clockwork.ticker().tick(NINE + SECOND) == 1
    (run,) = await clockwork.runs()
    assert run.epic_description == "Tidy up on 2026-11-21 (nightly 1)"
    assert (run.state, run.priority) == (State.QUEUED, Priority.BATCH)
    (tick,) = await clockwork.ticks()
    assert (tick.tick_at, tick.pipeline_id, tick.outcome) == (NINE, run.id, TickOutcome.STARTED)
    assert (await clockwork.get()).next_at == NINE + timedelta(days=1)


async def test_nothing_is_done_before_the_tick_and_nothing_again_after_it(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    ticker = clockwork.ticker()
    assert [await ticker.tick(NINE + moment * SECOND) for moment in (-1, 0, 1, 2)] == [0, 1, 0, 0]


async def test_the_time_is_the_databases_when_none_is_given(clockwork: Clockwork) -> None:
    await clockwork.add()
    assert await clockwork.ticker().tick() == 0
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await clockwork.add(this_hour, name="hourly", cron="0 * * * *", timezone="UTC")
    assert await clockwork.ticker().tick() == 1


@pytest.mark.parametrize(
    ("before", "seconds"), [(40, 10), (70, 10), (3, 3), (63, 3), (0.25, 0.25), (0, 1), (-1, 1)]
)
async def test_the_next_look_is_at_the_next_minute_or_within_ten_seconds_and_soon_while_one_is_due(
    clockwork: Clockwork, before: float, seconds: float
) -> None:
    await clockwork.add(NINE)
    ticker = clockwork.ticker()
    await ticker.tick(NINE - before * SECOND)
    assert ticker.rest_s() == seconds


async def test_many_workers_that_look_at_once_start_one_run_per_tick(clockwork: Clockwork) -> None:
    await clockwork.add(NINE, **OFTEN)
    tickers = [clockwork.ticker() for _ in range(4)]
    for minute in range(25):
        now = NINE + minute * MINUTE
        started = await asyncio.gather(*(ticker.tick(now) for ticker in tickers))
        assert sum(started) == 1
    ticks = await clockwork.ticks("often")
    assert [tick.tick_at for tick in ticks] == [NINE + minute * MINUTE for minute in range(25)]
    assert [run.epic_description[-3:-1] for run in await clockwork.runs()][-2:] == ["24", "25"]


@pytest.mark.parametrize(("policy", "runs", "skipped"), [("skip", 2, 9), ("once", 2, 9), ("all", 11, 0)])
async def test_ten_minutes_without_a_worker_are_made_up_as_the_policy_says(
    clockwork: Clockwork, policy: str, runs: int, skipped: int
) -> None:
    await clockwork.add(NINE, **OFTEN, missed=policy)
    started = await asyncio.gather(*(clockwork.ticker().tick(NINE + 10 * MINUTE) for _ in range(3)))
    assert (sum(started), len(await clockwork.runs())) == (runs, runs)
    outcomes = [tick.outcome for tick in await clockwork.ticks("often")]
    assert (outcomes.count("started"), outcomes.count("skipped")) == (runs, skipped)
    row = await clockwork.get("often")
    assert (row.next_at, row.number) == (NINE + 11 * MINUTE, runs)


async def test_a_month_without_a_worker_makes_up_the_newest_and_says_so(clockwork: Clockwork) -> None:
    await clockwork.add(NINE, **OFTEN, missed="all")
    assert await clockwork.ticker().tick(NINE + timedelta(days=30)) == 100
    assert "more than 100 ticks were missed" in str((await clockwork.get("often")).last_error)


async def test_a_paused_schedule_skips_its_ticks_and_goes_on_from_now(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    async with clockwork.database.transaction() as session:
        await schedules.pause(session, "nightly")
    assert await clockwork.ticker().tick(NINE + SECOND) == 0
    async with clockwork.database.transaction() as session:
        row = await schedules.resume(session, "nightly")
        assert row.next_at > await schedules.clock(session)
    assert await clockwork.ticks() == []


async def test_run_now_is_a_tick_of_its_own_each_time(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    ticker = clockwork.ticker()
    made = [await ticker.run_now("nightly")]
    made += await asyncio.gather(*(ticker.run_now("nightly") for _ in "ab"))
    assert {tick.pipeline_id for tick in await clockwork.ticks()} == set(made)
    runs = await clockwork.runs()
    assert [run.epic_description[-2] for run in runs] == ["1", "2", "3"]
    assert {run.priority for run in runs} == {Priority.INTERACTIVE}
    assert await ticker.tick(NINE) == 1


async def test_run_now_that_can_not_be_made_writes_nothing(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await execute(clockwork, "UPDATE schedules SET definition = 'gone'")
    with pytest.raises(NotFound, match="gone"):
        await clockwork.ticker().run_now("nightly")
    with pytest.raises(NotFound, match="nightly"):
        await clockwork.ticker().run_now("nobody")
    assert await clockwork.ticks() == []


async def test_a_definition_that_is_gone_fails_the_tick_and_no_later_one(
    clockwork: Clockwork,
) -> None:
    await clockwork.add(NINE)
    await execute(clockwork, "UPDATE schedules SET definition = 'gone'")
    assert await clockwork.ticker().tick(NINE) == 0
    (tick,) = await clockwork.ticks()
    assert (tick.outcome, tick.pipeline_id) == (TickOutcome.FAILED, None)
    assert "'gone'" in str(tick.error)
    assert (await clockwork.get()).last_error == tick.error
    await execute(clockwork, "UPDATE schedules SET definition = 'small'")
    assert await clockwork.ticker().tick(NINE + timedelta(days=1)) == 1
    assert (await clockwork.get()).last_error is None


async def test_a_template_that_fails_at_one_tick_fails_that_tick_alone(clockwork: Clockwork) -> None:
    await clockwork.add(
        NINE, **OFTEN, missed="all", input_template="{{ name if number != 2 else (1 / (number - 2)) }}"
    )
    assert await clockwork.ticker().tick(NINE + 2 * MINUTE) == 2
    assert [tick.outcome for tick in await clockwork.ticks("often")] == ["started", "failed", "started"]


async def test_a_worker_without_the_repository_leaves_the_tick_to_others_for_a_while(
    clockwork: Clockwork, tmp_path: Path
) -> None:
    here, gone = tmp_path / "calc", tmp_path / "gone"
    make_repository(here, {"calc.py": "ONE = 1\n"})
    await save(clockwork.database, ProjectDraft(name="calc", path=str(here), python=sys.executable))
    await clockwork.add(NINE, project="calc")
    here.rename(gone)
    ticker = clockwork.ticker()
    assert await ticker.tick(NINE) == 0
    assert await clockwork.ticks() == []
    assert await ticker.tick(NINE + ELSEWHERE) == 0
    (tick,) = await clockwork.ticks()
    assert str(here) in str(tick.error)


async def test_a_row_that_can_not_be_read_is_paused_and_holds_up_no_other(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await clockwork.add(NINE, name="other")
    await execute(clockwork, "UPDATE schedules SET cron = 'never' WHERE name = 'nightly'")
    assert await clockwork.ticker().tick(NINE) == 1
    row = await clockwork.get()
    assert row.paused
    assert "five fields" in str(row.last_error)


async def test_a_schedule_that_comes_no_more_is_paused(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await execute(clockwork, "UPDATE schedules SET cron = '* * */20 * 1L'")
    assert await clockwork.ticker().tick(NINE) == 0
    assert "does not come again" in str((await clockwork.get()).last_error)


async def test_an_edit_between_the_look_and_the_start_wins(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)

    async def pin_late(definition: str, project: str | None, profile: str | None) -> Any:
        pinned = await clockwork.pin(definition, project, profile)
        await execute(clockwork, "UPDATE schedules SET paused = true")
        return pinned

    assert await Ticker(clockwork.database, pin_late, clockwork.renderer).tick(NINE) == 0
    assert await clockwork.runs() == []


async def test_a_crash_before_the_commit_leaves_the_tick_to_the_next_look(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await execute(clockwork, "ALTER TABLE schedule_ticks ADD CONSTRAINT broken CHECK (false) NOT VALID")
    with pytest.raises(Exception, match="broken"):
        await clockwork.ticker().tick(NINE)
    assert await clockwork.runs() == []
    await execute(clockwork, "ALTER TABLE schedule_ticks DROP CONSTRAINT broken")
    assert await clockwork.ticker().tick(NINE + SECOND) == 1


async def test_old_ticks_are_forgotten(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await execute(
        clockwork,
        "INSERT INTO schedule_ticks (schedule, tick_at, outcome) SELECT 'nightly', '2020-01-01'::timestamptz "
        "+ make_interval(mins => n), 'skipped' FROM generate_series(1, 1500) n",
    )
    assert await clockwork.ticker().tick(NINE) == 1
    kept = await clockwork.ticks()
    assert (len(kept), kept[-1].outcome) == (1000, TickOutcome.STARTED)


async def test_a_look_at_nothing_uses_the_index(clockwork: Clockwork) -> None:
    async with clockwork.database.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        query = "EXPLAIN SELECT * FROM schedules WHERE NOT paused AND next_at <= now() ORDER BY next_at"
        plan = "\n".join((await session.scalars(text(query))).all())
    assert "ix_schedules_due" in plan


async def execute(clockwork: Clockwork, statement: str) -> None:
    async with clockwork.database.transaction() as session:
        await session.execute(text(statement))
