"""What a schedule must pass before it is stored, and what an edit changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import Conflict, NotFound, WorkbenchError
from app.pipelines.schedules import store as schedules
from app.pipelines.schedules.schedule import ScheduleDraft, check
from app.tables import Missed, Schedule
from tests.db.clockwork import NIGHTLY, Clockwork

NINE = datetime(2026, 11, 21, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"cron": "0 9 * *"}, "cron", "five fields"),
        ({"cron": "0 0 * 2 MON#5"}, "cron", "within five years"),
        ({"timezone": "Mars/Olympus"}, "timezone", "no time zone"),
        ({"definition": "gone"}, "definition", "there are: small"),
        ({"project": "gone"}, "project", "gone"),
        ({"input_template": "{{ tick"}, "input_template", "line 1"),
        ({"input_template": "{{ yesterday }}"}, "input_template", "declared are: name, number, tick"),
        ({"input_template": "{# nothing #}"}, "input_template", "empty"),
        ({"input_template": "{{ name }}" + "x" * 20_001}, "input_template", "20,000"),
    ],
)
async def test_a_draft_that_can_not_work_is_refused_with_the_place(
    clockwork: Clockwork, changes: dict[str, Any], place: str, said: str
) -> None:
    with pytest.raises(WorkbenchError, match=said) as refused:
        await clockwork.add(**changes)
    assert (refused.value.status, refused.value.details["place"]) == (422, place)
    async with clockwork.database.transaction() as session:
        assert await schedules.every(session) == []


async def test_the_template_knows_the_tick_by_the_clock_of_its_zone(clockwork: Clockwork) -> None:
    await clockwork.add(NINE, input_template="{{ tick }} {{ tick_date }} {{ name }} {{ number }}")
    await clockwork.ticker().tick(NINE)
    (run,) = await clockwork.runs()
    assert run.epic_description == "2026-11-21T09:00:00-08:00 2026-11-21 nightly 1"


async def test_a_name_is_given_once(clockwork: Clockwork) -> None:
    await clockwork.add()
    with pytest.raises(Conflict, match="PUT /schedules/nightly"):
        await clockwork.add()


async def test_an_edit_of_the_text_keeps_the_tick_that_is_due(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    row = await put(clockwork, input_template="Other", missed=Missed.ALL)
    assert (row.next_at, row.input_template, row.missed) == (NINE, "Other", "all")
    assert row.edited_at is not None


async def test_an_edit_of_the_times_begins_with_the_next_of_them(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    assert (await put(clockwork, cron="30 9 * * *")).next_at > datetime.now(UTC)
    assert (await put(clockwork, name="new")).name == "new"


async def test_a_removed_schedule_takes_its_ticks_and_leaves_its_runs(clockwork: Clockwork) -> None:
    await clockwork.add(NINE)
    await clockwork.ticker().tick(NINE)
    async with clockwork.database.transaction() as session:
        await schedules.remove(session, "nightly")
    assert (await clockwork.ticks(), len(await clockwork.runs())) == ([], 1)
    with pytest.raises(NotFound, match="there are: none"):
        await clockwork.get()


async def put(clockwork: Clockwork, **changes: Any) -> Schedule:
    draft = ScheduleDraft(**NIGHTLY | changes)
    cron = await check(draft, clockwork.checks)
    async with clockwork.database.transaction() as session:
        return await schedules.save(session, draft, cron)
