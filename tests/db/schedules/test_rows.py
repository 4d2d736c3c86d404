"""What the database itself refuses about schedules and deliveries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.db.clockwork import Clockwork

NINE = datetime(2026, 11, 21, 17, tzinfo=UTC)
BAD = (
    "INSERT INTO schedule_ticks SELECT * FROM schedule_ticks",
    "UPDATE schedule_ticks SET pipeline_id = NULL",
    "UPDATE schedule_ticks SET outcome = 'failed', pipeline_id = NULL",
    "UPDATE schedules SET missed = 'twice'",
    "UPDATE schedules SET name = 'A B'",
    "UPDATE schedules SET number = -1",
    "INSERT INTO destinations (name, adapter, config, dry_run) VALUES ('d', 'smtp', '{}', true)",
    "UPDATE phase_configurations SET destination = 'gone'",
)


async def test_the_database_refuses_a_tick_twice_and_every_row_that_contradicts_itself(
    clockwork: Clockwork,
) -> None:
    await clockwork.add(NINE)
    await clockwork.ticker().tick(NINE)
    for statement in BAD:
        with pytest.raises(IntegrityError):
            async with clockwork.database.transaction() as session:
                await session.execute(text(statement))
