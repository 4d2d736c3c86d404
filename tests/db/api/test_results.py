"""What a run made and cost, over REST: artifacts, documents, usage, events."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import httpx
import pytest_asyncio

from app.services import Services

EPIC = {"epic_description": "Add health check endpoint"}


@pytest_asyncio.fixture
async def finished(working_api: httpx.AsyncClient) -> str:
    """The path of the demo's run, gone to its end."""
    path: str = (await working_api.post("/pipelines", json=EPIC)).headers["location"]
    await working_api.post(f"{path}/run", headers={"prefer": "wait=60"})
    return path


async def test_a_finished_run_shows_artifacts_documents_bill_and_events(
    working_api: httpx.AsyncClient, finished: str
) -> None:
    artifacts = (await working_api.get(f"{finished}/artifacts")).json()
    assert {"epic", "architecture", "code", "test_results", "qa_report", "commit"} <= set(artifacts)
    assert (await working_api.get(f"{finished}/artifacts/arch_spec")).json() == artifacts["architecture"]

    versions = (await working_api.get(f"{finished}/artifacts/code/versions")).json()
    assert [version["version"] for version in versions] == list(range(len(versions), 0, -1))
    assert len(versions) > 1
    assert [version["current"] for version in versions] == [True] + [False] * (len(versions) - 1)

    document = await working_api.get(f"{finished}/documents/arch_spec")
    assert document.headers["content-type"] == "text/markdown; charset=utf-8"
    assert document.text.startswith("#")
    assert (await working_api.get(f"{finished}/documents/commit")).status_code == 404
    assert (await working_api.get(f"{finished}/artifacts/nothing")).status_code == 404

    usage = (await working_api.get(f"{finished}/usage")).json()
    assert usage["total"]["calls"] == len(usage["calls"]) > 3
    assert usage["total"]["calls"] == sum(bill["calls"] for bill in usage["by_phase"])
    assert Decimal(usage["total"]["cost_usd"]) == sum(Decimal(bill["cost_usd"]) for bill in usage["by_phase"])
    assert "E" not in usage["total"]["cost_usd"]
    everything = (await working_api.get("/usage")).json()
    assert everything["total"] == usage["total"]
    assert everything["by_day"][0]["calls"] == usage["total"]["calls"]
    assert everything["by_model"]

    events = (await working_api.get(f"{finished}/events")).json()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "succeeded"
    later = (await working_api.get(f"{finished}/events", params={"after": events[-2]["seq"]})).json()
    assert later == events[-1:]


async def test_a_stream_goes_on_after_the_last_event_and_says_when_nothing_is_left(
    working_api: httpx.AsyncClient, finished: str
) -> None:
    count = len((await working_api.get(f"{finished}/events")).json())
    stream = {"accept": "text/event-stream"}
    rest = await working_api.get(f"{finished}/events", headers=stream | {"last-event-id": str(count - 2)})
    assert rest.headers["content-type"].startswith("text/event-stream")
    assert [line for line in rest.text.splitlines() if line.startswith("id: ")] == [
        f"id: {count - 1}",
        f"id: {count}",
    ]
    over = await working_api.get(f"{finished}/events", headers=stream | {"last-event-id": str(count)})
    assert over.status_code == 204
    for wrong in ("x", "-1", "9" * 30):
        refused = await working_api.get(f"{finished}/events", headers=stream | {"last-event-id": wrong})
        assert refused.status_code == 422


async def test_a_stream_tells_what_happens_until_the_run_is_over(
    api: httpx.AsyncClient, services: Services, pipeline: str
) -> None:
    listening = asyncio.create_task(api.get(f"{pipeline}/events", headers={"accept": "text/event-stream"}))
    await api.post(f"{pipeline}/run")
    await api.post(f"{pipeline}/cancel")
    text = (await listening).text
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["created", "queued", "cancelled"]


async def test_an_artifact_that_is_not_made_yet_is_not_found(api: httpx.AsyncClient, pipeline: str) -> None:
    assert (await api.get(f"{pipeline}/artifacts")).json() == {}
    for name in ("artifacts/epic", "artifacts/epic/versions", "documents/epic"):
        assert (await api.get(f"{pipeline}/{name}")).status_code == 404, name
