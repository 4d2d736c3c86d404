"""Schedules, destinations and deliveries over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.services import Services
from tests.db.scripted import LIMIT_S

NIGHTLY = {
    "name": "nightly",
    "cron": "0 9 * * 1-5",
    "timezone": "America/Los_Angeles",
    "definition": "software",
    "input_template": "Tidy up on {{ tick_date }}",
}
HOOK = {"name": "hook", "adapter": "http", "config": {"url": "https://example.org/hooks/1"}}


async def test_a_schedule_is_added_read_changed_and_removed(api: httpx.AsyncClient) -> None:
    added = await api.post("/schedules", json=NIGHTLY)
    assert (added.status_code, added.headers["location"]) == (201, "/schedules/nightly")
    body = added.json()
    assert (body["missed"], body["paused"], body["number"]) == ("once", False, 0)
    assert all("T09:00:00-0" in tick for tick in body["upcoming"])
    assert len(body["upcoming"]) == 5
    assert (await api.post("/schedules", json=NIGHTLY)).status_code == 409
    changed = await api.put("/schedules/nightly", json=NIGHTLY | {"missed": "all"})
    assert (changed.json()["missed"], changed.json()["next_at"]) == ("all", body["next_at"])
    assert [row["name"] for row in (await api.get("/schedules")).json()] == ["nightly"]
    assert (await api.delete("/schedules/nightly")).status_code == 204
    assert (await api.get("/schedules/nightly")).status_code == 404


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"cron": "@daily"}, "cron"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"definition": "gone"}, "definition"),
        ({"input_template": "{{ gone }}"}, "input_template"),
        ({"missed": "twice"}, "missed"),
        ({"every": "day"}, "every"),
        ({"profile": "gone"}, "profile"),
        ({"project": "gone"}, "project"),
    ],
)
async def test_a_schedule_that_can_not_work_is_refused_with_the_place(
    api: httpx.AsyncClient, change: dict[str, Any], place: str
) -> None:
    for answer in (
        await api.post("/schedules", json=NIGHTLY | change),
        await api.put("/schedules/nightly", json=NIGHTLY | change),
    ):
        assert (answer.status_code, answer.json()["details"]["place"]) == (422, place), answer.text
    assert (await api.get("/schedules")).json() == []


async def test_an_address_and_a_body_that_disagree_are_refused(api: httpx.AsyncClient) -> None:
    assert (await api.put("/schedules/other", json=NIGHTLY)).json()["details"]["place"] == "name"
    assert (await api.put("/destinations/other", json=HOOK)).json()["details"]["place"] == "name"


async def test_a_schedule_is_paused_resumed_and_run_now(api: httpx.AsyncClient) -> None:
    await api.post("/schedules", json=NIGHTLY)
    paused = (await api.post("/schedules/nightly/pause")).json()
    assert (paused["paused"], paused["upcoming"]) == (True, [])
    made = await api.post("/schedules/nightly/run")
    assert made.status_code == 202
    run = (await api.get(made.headers["location"])).json()
    assert run["epic_description"].startswith("Tidy up on 20")
    assert not (await api.post("/schedules/nightly/resume")).json()["paused"]
    (tick,) = (await api.get("/schedules/nightly/ticks")).json()
    assert (tick["outcome"], tick["pipeline_id"]) == ("started", run["pipeline_id"])
    assert (await api.get("/schedules/nobody/ticks")).status_code == 404


async def test_a_worker_of_the_service_starts_what_is_due(worker: Services, api: httpx.AsyncClient) -> None:
    await api.post("/schedules", json=NIGHTLY | {"cron": "* * * * *"})
    async with worker.database.transaction() as session:
        await session.execute(text("UPDATE schedules SET next_at = date_trunc('minute', clock_timestamp())"))
    async with asyncio.timeout(LIMIT_S):
        while not (await api.get("/schedules/nightly/ticks")).json():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.05)
    ticks = (await api.get("/schedules/nightly/ticks")).json()
    assert "started" in {tick["outcome"] for tick in ticks}  # two, should a minute have begun meanwhile


async def test_the_address_of_a_destination_is_shown_to_an_admin_only(api: httpx.AsyncClient) -> None:
    added = await api.post("/destinations", json=HOOK)
    assert (added.status_code, added.json()["dry_run"]) == (201, True)
    assert (await api.post("/destinations", json=HOOK)).status_code == 409
    live = await api.put("/destinations/hook", json=HOOK | {"dry_run": False})
    assert (live.json()["dry_run"], live.json()["config"]["url"]) == (False, "https://example.org/hooks/1")
    assert "example.org" not in (await api.get("/destinations")).text
    assert (await api.get("/destinations/hook")).json()["config"]["allow_private"] is False
    assert (await api.delete("/destinations/hook")).status_code == 204
    assert (await api.get("/destinations/hook")).status_code == 404


async def test_a_destination_that_can_not_work_is_refused_with_the_place(api: httpx.AsyncClient) -> None:
    plain = await api.post("/destinations", json=HOOK | {"config": {"url": "http://example.org"}})
    assert plain.status_code == 422
    assert "https://" in plain.json()["detail"]
    assert plain.json()["details"]["place"].endswith("config.url")


async def test_the_deliveries_of_a_run_are_listed(api: httpx.AsyncClient, pipeline: str) -> None:
    assert (await api.get(f"{pipeline}/deliveries")).json() == []
    missing = "/pipelines/00000000-0000-0000-0000-000000000000/deliveries"
    assert (await api.get(missing)).status_code == 404
