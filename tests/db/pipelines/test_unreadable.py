"""Runs and rows that the service did not write as they are now."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.errors import Invalid
from app.services import Services
from tests.db.scripted import Engine, Scripted

FOREIGN = "f" * 64


async def test_a_run_that_pinned_what_this_version_can_not_read_fails_and_says_so(engine: Engine) -> None:
    phase = Scripted()
    run = await engine.queued(phase)
    async with engine.database.transaction() as session:
        for statement in (
            "INSERT INTO definition_snapshots (sha256, body) "
            "SELECT :foreign, body || '{\"later\": 1}' FROM definition_snapshots WHERE sha256 = :ours",
            "UPDATE pipelines SET snapshot = :foreign WHERE snapshot = :ours",
        ):
            await session.execute(text(statement), {"foreign": FOREIGN, "ours": run.snapshot})
    ended = await engine.walk(run)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "unreadable_snapshot"
    assert "(later: " in ended.error["message"]
    assert phase.seen == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ('price_usd_per_mtok = \'{"input": "much"}\'', "price_usd_per_mtok.input"),
        ("timeout_s = 'NaN'", "timeout_s"),
    ],
)
async def test_a_profile_that_no_model_could_use_is_refused_with_its_place(
    services: Services, change: str, place: str
) -> None:
    async with services.database.transaction() as session:
        await session.execute(text(f"UPDATE model_profiles SET {change} WHERE name = 'recorded'"))  # noqa: S608
    with pytest.raises(Invalid, match="of software are broken") as refusal:
        await services.pipelines.create("An epic")
    assert refusal.value.details["place"] == place
