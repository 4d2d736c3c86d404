"""What runs wait for, over REST: list, approve, reject, tell of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest_asyncio

from app.services import Services
from app.tables import TokenRole
from app.worker import work_on
from tests.db.scripted import soon

GATES = {
    "name": "gates",
    "description": "An approval, an event and a permission, with no model",
    "phases": [
        {"name": "review", "kind": "approval", "limits": {"wait_s": 3600, "on_deadline": "refuse"}},
        {"name": "ticket", "kind": "event"},
        {"name": "last", "kind": "approval", "needs": ["network:pypi"]},
    ],
}
EPIC = {"epic_description": "An epic", "definition": "gates"}
STREAM = {"accept": "text/event-stream"}
Walk = Callable[[str], Awaitable[None]]


@pytest_asyncio.fixture
async def walk(services: Services) -> Walk:
    """Works on the run with this path until it wants no worker."""

    async def walk_on(path: str) -> None:
        await soon(work_on(services, UUID(path.split("/")[2]), asyncio.Event()))

    return walk_on


@pytest_asyncio.fixture
async def waiting(api: httpx.AsyncClient, walk: Walk) -> str:
    """The path of a run that waits for its first approval."""
    assert (await api.put("/definitions/gates", json=GATES)).status_code < 300
    path: str = (await api.post("/pipelines", json=EPIC)).headers["location"]
    await api.post(f"{path}/run")
    await walk(path)
    return path


async def approve(api: httpx.AsyncClient, path: str, comment: str | None = None) -> httpx.Response:
    """Exactly what is open."""
    [wait] = (await api.get(path)).json()["waits"]
    return await api.post(
        f"{path}/approve", json={"content_sha256": wait["content_sha256"], "comment": comment}
    )


async def test_what_is_open_is_listed_with_all_that_it_takes_to_decide(
    api: httpx.AsyncClient, waiting: str
) -> None:
    [wait] = (await api.get("/waits")).json()["items"]
    assert waiting.endswith(wait["pipeline_id"])
    assert (wait["reason"], wait["subject"], wait["phase"]) == ("approval", "review", "review")
    assert (wait["decision"], wait["default"], wait["deadline"] > wait["asked_at"]) == (
        "open",
        "refused",
        True,
    )
    assert len(wait["content_sha256"]) == 64
    assert "diff" not in wait["details"]
    assert (await api.get(waiting)).json()["waits"] == [wait]
    [whole] = (await api.get(f"{waiting}/waits")).json()
    assert whole["details"]["diff"] == ""
    assert (await api.get("/waits", params={"reason": "access"})).json() == {"items": [], "next": None}
    assert (await api.get("/waits", params={"reason": "mood"})).status_code == 422


async def test_waits_come_by_page_each_once_the_longest_first(
    api: httpx.AsyncClient, waiting: str, walk: Walk
) -> None:
    paths = [waiting]
    for _ in range(2):
        paths.append((await api.post("/pipelines", json=EPIC)).headers["location"])
        await api.post(f"{paths[-1]}/run")
        await walk(paths[-1])
    first = (await api.get("/waits", params={"limit": 2})).json()
    second = (await api.get("/waits", params={"limit": 2, "cursor": first["next"]})).json()
    found = [f"/pipelines/{item['pipeline_id']}" for item in (*first["items"], *second["items"])]
    assert (found, second["next"]) == (paths, None)


async def test_an_approval_of_another_content_is_refused_with_the_one_of_now(
    api: httpx.AsyncClient, waiting: str
) -> None:
    [wait] = (await api.get(f"{waiting}/waits")).json()
    other = await api.post(f"{waiting}/approve", json={"content_sha256": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "other_content")
    assert other.json()["details"]["content_sha256"] == wait["content_sha256"]
    blind = await api.post(f"{waiting}/approve")
    assert (blind.status_code, blind.json()["details"]["place"]) == (422, "content_sha256")
    for wrong in ("x", "A" * 64):
        assert (await api.post(f"{waiting}/approve", json={"content_sha256": wrong})).status_code == 422


async def test_a_run_is_led_through_an_approval_an_event_and_a_permission(
    api: httpx.AsyncClient, waiting: str, walk: Walk
) -> None:
    decided = await approve(api, waiting, "fine")
    assert (decided.status_code, decided.json()["state"]) == (202, "queued")
    await walk(waiting)
    refused = await api.post(f"{waiting}/approve")
    assert (refused.status_code, "waits for the event 'ticket'" in refused.json()["detail"]) == (409, True)
    told = await api.post(f"{waiting}/events", json={"name": "ticket", "data": {"number": 7}})
    assert told.status_code == 202
    await walk(waiting)
    assert (await approve(api, waiting)).status_code == 202  # the permission
    await walk(waiting)
    assert (await approve(api, waiting)).status_code == 202
    await walk(waiting)
    assert (await api.get(waiting)).json()["state"] == "succeeded"
    [first, ticket, access, _] = (await api.get(f"{waiting}/waits")).json()
    assert (first["decided_by"], first["comment"], first["decision"]) == ("local", "fine", "granted")
    assert first["decided_at"] > first["asked_at"]
    assert ticket["data"] == {"number": 7}
    assert (access["reason"], access["subject"]) == ("access", "network:pypi")


async def test_a_rejected_approval_fails_the_run_with_the_comment(
    api: httpx.AsyncClient, waiting: str, walk: Walk
) -> None:
    assert (await api.post(f"{waiting}/reject", json={"comment": "not like this"})).status_code == 202
    await walk(waiting)
    body = (await api.get(waiting)).json()
    assert (body["state"], body["waits"]) == ("failed", [])
    assert "not like this" in body["error"]["message"]


async def test_a_cancelled_run_waits_for_nothing_any_more(api: httpx.AsyncClient, waiting: str) -> None:
    assert (await api.post(f"{waiting}/cancel")).json()["state"] == "cancelled"
    assert (await api.get("/waits")).json()["items"] == []
    [wait] = (await api.get(f"{waiting}/waits")).json()
    assert (wait["decision"], wait["decided_by"]) == ("refused", "cancelled")
    assert (await api.post(f"{waiting}/reject")).status_code == 409


async def test_who_decided_is_the_name_of_the_token(
    api: httpx.AsyncClient,
    secured: httpx.AsyncClient,
    waiting: str,
    bearer: Callable[[TokenRole], dict[str, str]],
) -> None:
    refused = await secured.post(f"{waiting}/reject", headers=bearer(TokenRole.VIEWER))
    assert refused.status_code == 403
    await secured.post(f"{waiting}/reject", headers=bearer(TokenRole.OPERATOR))
    [wait] = (await api.get(f"{waiting}/waits")).json()
    assert wait["decided_by"] == "operator of the test"


async def test_an_event_may_come_early_and_comes_once(api: httpx.AsyncClient, waiting: str) -> None:
    early = await api.post(f"{waiting}/events", json={"name": "ticket"})
    assert (early.status_code, early.json()["state"]) == (200, "waiting")
    again = await api.post(f"{waiting}/events", json={"name": "ticket"})
    assert (again.status_code, again.json()["detail"]) == (409, "the run has its event 'ticket' already")
    unknown = await api.post(f"{waiting}/events", json={"name": "other"})
    assert (unknown.status_code, "there are: ticket" in unknown.json()["detail"]) == (404, True)
    assert (await api.post(f"{waiting}/events", json={"name": "ticket", "data": []})).status_code == 422


async def test_of_twenty_decisions_at_once_one_counts(api: httpx.AsyncClient, waiting: str) -> None:
    [wait] = (await api.get(waiting)).json()["waits"]
    body = {"content_sha256": wait["content_sha256"]}
    calls = (api.post(f"{waiting}/{action}", json=body) for action in ("approve", "reject") * 10)
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    assert all(answer.json()["detail"] for answer in answers if answer.status_code == 409)
    events = (await api.get(f"{waiting}/events")).json()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["kind"] for event in events].count("decided") == 1


async def test_the_same_key_decides_once_and_gets_the_same_answer(
    api: httpx.AsyncClient, waiting: str
) -> None:
    key = {"idempotency-key": "one"}
    answers = [await api.post(f"{waiting}/reject", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_a_stream_goes_on_over_a_wait_and_after_the_event_it_was_cut_at(
    api: httpx.AsyncClient, waiting: str, walk: Walk
) -> None:
    seen = (await api.get(f"{waiting}/events")).json()
    assert seen[-1]["kind"] == "waiting"
    rest = asyncio.create_task(
        api.get(f"{waiting}/events", headers=STREAM | {"last-event-id": str(len(seen) - 1)})
    )
    await api.post(f"{waiting}/reject")
    await walk(waiting)
    lines = (await soon(rest)).text.splitlines()
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert kinds == ["waiting", "decided", "queued", "phase_started", "phase_finished", "failed"]
    ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    assert ids == list(range(len(seen), len(seen) + 6))


async def test_nothing_is_decided_about_a_run_that_does_not_exist(api: httpx.AsyncClient) -> None:
    path = "/pipelines/00000000-0000-0000-0000-000000000000"
    assert (await api.get(f"{path}/waits")).status_code == 404
    assert (await api.post(f"{path}/events", json={"name": "ticket"})).status_code == 404
