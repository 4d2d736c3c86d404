"""A list of runs by state reads an index in the order of the page, whatever else the table holds."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.pipelines import store
from app.tables import State
from tests.benchmarks import plans
from tests.benchmarks.plans import Watched
from tests.db.past import SNAPSHOT, Past

MANY = """
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, error, target, position, round,
                           attempts, fence, event_count, created_at, updated_at, finished_at)
    SELECT gen_random_uuid(), 'An epic', 'small', :snapshot, CAST(:state AS run_state),
           CASE WHEN :state = 'failed' THEN CAST('{}' AS jsonb) END, 'end', 6, 0, 0, 1, 20, at, at, at
    FROM generate_series(1, 20000) AS n, LATERAL (SELECT now() - make_interval(hours => n)) AS _ (at)
"""
IN_ORDER = {
    State.CREATED: "ix_pipelines_resting",
    State.PAUSED: "ix_pipelines_resting",
    State.SUCCEEDED: "ix_pipelines_ended",
    State.FAILED: "ix_pipelines_ended",
    State.CANCELLED: "ix_pipelines_ended",
}
FEW = {
    State.QUEUED: "ix_pipelines_live",
    State.RUNNING: "ix_pipelines_live",
    State.WAITING: "ix_pipelines_waiting",
}
"""There are never many of them, so they may be sorted."""


@pytest.mark.parametrize("state", State)
async def test_the_list_of_a_rare_state_is_found_without_reading_the_others(past: Past, state: State) -> None:
    many = State.SUCCEEDED if state is not State.SUCCEEDED else State.FAILED
    old = [await past.run(state, days_ago=days, rows=False) for days in (401, 400)]
    async with past.database.transaction() as session:
        await session.execute(text(MANY), {"snapshot": SNAPSHOT, "state": many})
        await session.execute(text("ANALYZE pipelines"))
    watched = Watched(past.database.url)
    async with watched.transaction() as session:
        newest = await store.page(session, after=None, limit=1, state=state)
        after = store.Cursor(newest[0].created_at, newest[0].id)
        rest = await store.page(session, after=after, limit=5, state=state)
    found = await plans.explained(watched.url, watched.sent)
    await watched.close()
    assert [run.id for run in (*newest, *rest)] == [run.id for run in reversed(old)]
    for plan in found:
        if state in IN_ORDER:
            assert plan.shape == f"Index Scan pipelines by {IN_ORDER[state]}"
        else:
            assert FEW[state] in plan.shape


async def test_the_state_is_written_into_the_statement_so_that_no_plan_for_any_state_is_kept(
    past: Past,
) -> None:
    watched = Watched(past.database.url)
    async with watched.transaction() as session:
        await store.page(session, after=None, limit=5, state=State.FAILED)
    await watched.close()
    assert "state = 'failed'" in watched.sent[-1].text


async def test_what_a_checkpoint_changes_of_a_run_that_goes_on_stands_in_no_index(past: Past) -> None:
    await past.run(State.RUNNING, rows=False)
    async with past.database.transaction() as session:
        await session.execute(text(CHECKPOINT))
        counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'pipelines'"
        assert (await session.execute(text(counted))).one() == (1, 1)


CHECKPOINT = """
    UPDATE pipelines SET position = position + 1, round = round + 1, attempts = 0,
        event_count = event_count + 2, updated_at = clock_timestamp(), lease_expires_at = clock_timestamp()
"""
