"""Runs over REST: pause, resume, cancel and retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from app.services import Services
from app.tables import ArtifactSchema
from app.worker import work_on
from tests.db.scripted import Gate, Scripted, soon, thing

UNKNOWN = "/pipelines/00000000-0000-0000-0000-000000000000"
MADE = {"kind": "making", "artifact": "thing", "schema": "row:thing"}
DEFINITION = {
    "name": "small",
    "description": "Makes a thing, then does something long",
    "phases": [{"name": "make", **MADE}, {"name": "long", "kind": "gate"}],
}

Serve = Callable[..., httpx.AsyncClient]


@dataclass
class Small:
    """A definition of two phases, and a run of it."""

    path: str
    making: Scripted
    gate: Gate
    services: Services

    async def walk(self, path: str | None = None) -> None:
        """Until the run wants no worker."""
        await soon(work_on(self.services, id_of(path or self.path), asyncio.Event()))


@pytest_asyncio.fixture
async def small(services: Services, serve: Serve) -> Small:
    making, gate = Scripted(thing(text="made")), Gate()
    services = replace(services, kinds={**services.kinds, "making": making, "gate": gate})
    api = serve(services, auth="off")
    async with services.database.transaction() as session:
        session.add(ArtifactSchema(id="thing", description="Anything", json_schema={"type": "object"}))
    assert (await api.put("/definitions/small", json=DEFINITION)).status_code < 300
    created = await api.post("/pipelines", json={"epic_description": "An epic", "definition": "small"})
    return Small(created.headers["location"], making, gate, services)


@pytest_asyncio.fixture
async def under_way(api: httpx.AsyncClient, small: Small) -> AsyncIterator[Small]:
    """The run, while a worker is in its second phase."""
    await api.post(f"{small.path}/run")
    walking = asyncio.create_task(small.walk())
    await soon(small.gate.entered.wait())
    yield small
    small.gate.opened.set()
    await walking


def id_of(path: str) -> UUID:
    return UUID(path.split("/")[2])


async def test_a_queued_run_is_paused_at_once_and_resumed(api: httpx.AsyncClient, small: Small) -> None:
    await api.post(f"{small.path}/run")
    paused = await api.post(f"{small.path}/pause")
    assert (paused.status_code, paused.json()["state"], paused.json()["reason"]) == (200, "paused", "user")
    resumed = await api.post(f"{small.path}/resume")
    assert (resumed.status_code, resumed.json()["state"]) == (202, "queued")
    assert resumed.headers["location"] == small.path


async def test_a_run_under_way_shows_that_it_was_asked_to_pause(
    api: httpx.AsyncClient, under_way: Small
) -> None:
    asked = await api.post(f"{under_way.path}/pause")
    assert (asked.status_code, asked.json()["state"]) == (202, "running")
    assert (await api.get(under_way.path)).json()["asked"] == "pause"
    again = await api.post(f"{under_way.path}/pause")
    assert (again.status_code, "asked to pause already" in again.json()["detail"]) == (409, True)
    taken_back = await api.post(f"{under_way.path}/resume")
    assert taken_back.status_code == 202
    assert (await api.get(under_way.path)).json()["asked"] is None


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("pause", "a created run cannot become paused"),
        ("resume", "the run is created, not paused"),
        ("retry", "the run is created; only a finished run is retried"),
        ("approve", "the run is created; nothing of it waits for a decision"),
        ("reject", "the run is created; nothing of it waits for a decision"),
    ],
)
async def test_a_refused_action_says_why(
    api: httpx.AsyncClient, pipeline: str, action: str, why: str
) -> None:
    refused = await api.post(f"{pipeline}/{action}")
    assert (refused.status_code, refused.json()["detail"]) == (409, why)
    assert (await api.post(f"{UNKNOWN}/{action}")).status_code == 404


async def test_a_retry_is_a_new_run_with_the_earlier_artifacts(api: httpx.AsyncClient, small: Small) -> None:
    small.gate.opened.set()
    await api.post(f"{small.path}/run")
    await small.walk()
    created = await api.post(f"{small.path}/retry", json={"from_phase": "long"})
    again = created.headers["location"]
    assert (created.status_code, created.json()["state"], again == small.path) == (201, "created", False)
    body = (await api.get(again)).json()
    assert small.path.endswith(body["retry_of"])
    assert (await api.get(f"{again}/artifacts")).json() == {"thing": {"text": "made"}}
    await api.post(f"{again}/run")
    await small.walk(again)
    ran = [phase["name"] for phase in (await api.get(again)).json()["phases"] if phase["runs"]]
    assert ran == ["long"]


async def test_a_retry_takes_an_edited_artifact_and_starts_when_told(
    api: httpx.AsyncClient, small: Small
) -> None:
    await api.post(f"{small.path}/cancel")
    edited = {"from_phase": "long", "artifacts": {"thing": {"text": "mine"}}, "run": True}
    created = await api.post(f"{small.path}/retry", json=edited)
    assert (created.status_code, created.json()["state"]) == (201, "queued")
    assert (await api.get(f"{created.headers['location']}/artifacts/thing")).json() == {"text": "mine"}
    for wrong in ({"from_phase": "nowhere"}, {"from_phase": "long"}, {"artifacts": {"other": {}}}):
        refused = await api.post(f"{small.path}/retry", json=wrong)
        assert (refused.status_code, refused.json()["details"].get("place") is not None) == (422, True)


async def test_the_same_key_retries_once(api: httpx.AsyncClient, small: Small) -> None:
    await api.post(f"{small.path}/cancel")
    made = [await api.post(f"{small.path}/retry", headers={"idempotency-key": "a"}) for _ in range(2)]
    assert made[0].headers["location"] == made[1].headers["location"]
    assert len((await api.get("/pipelines")).json()["items"]) == 2


async def test_twenty_calls_at_once_leave_one_outcome_and_each_refusal_says_why(
    api: httpx.AsyncClient, under_way: Small
) -> None:
    actions = ("pause", "resume", "cancel", "approve") * 5
    answers = await asyncio.gather(*(api.post(f"{under_way.path}/{action}") for action in actions))
    assert {answer.status_code for answer in answers} == {202, 409}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert all(answer["detail"] and answer["code"] == "conflict" for answer in refused)
    cancels = [
        answer.status_code for answer, action in zip(answers, actions, strict=True) if action == "cancel"
    ]
    assert sorted(cancels) == [202, 409, 409, 409, 409]
    await soon(under_way.services.pipelines.wait_until_still(id_of(under_way.path)))
    events = (await api.get(f"{under_way.path}/events")).json()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "cancelled"
    assert under_way.gate.stopped
