"""Runs over REST: create, list, look, move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import httpx
from sqlalchemy import func, select

from app.services import Services
from app.tables import Pipeline

EPIC = {"epic_description": "Add health check endpoint"}
Serve = Callable[..., httpx.AsyncClient]


async def test_a_created_run_has_an_id_and_an_address(api: httpx.AsyncClient) -> None:
    created = await api.post("/pipelines", json=EPIC)
    assert created.status_code == 201
    body = created.json()
    assert created.headers["location"] == f"/pipelines/{body['pipeline_id']}"
    assert body["state"] == "created"
    assert body["links"]["advance"] == f"/pipelines/{body['pipeline_id']}/advance"


async def test_a_run_shows_its_phases_before_any_of_them_ran(api: httpx.AsyncClient, pipeline: str) -> None:
    body = (await api.get(pipeline)).json()
    assert [phase["name"] for phase in body["phases"]] == [
        "pm",
        "architect",
        "developer",
        "test",
        "qa",
        "commit",
    ]
    assert all(phase["runs"] == [] for phase in body["phases"])
    assert body["project"] == "sample"
    assert len(body["snapshot"]) == 64


async def test_the_users_script_sees_an_epic_after_one_advance(working_api: httpx.AsyncClient) -> None:
    path = f"/pipelines/{(await working_api.post('/pipelines', json=EPIC)).json()['pipeline_id']}"
    advanced = await working_api.post(f"{path}/advance")
    assert advanced.status_code == 200
    assert advanced.json()["phase"] == "pm"
    assert advanced.json()["outcome"] == "passed"
    assert advanced.json()["state"] == "paused"
    artifacts = (await working_api.get(f"{path}/artifacts")).json()
    assert artifacts["epic"]["title"] is not None


async def test_a_failed_phase_is_an_answer_too(worker: Services, serve: Serve) -> None:
    api = serve(worker, auth="off")
    created = await api.post("/pipelines", json={"epic_description": "An epic that no recording knows"})
    advanced = await api.post(created.headers["location"] + "/advance")
    assert advanced.status_code == 200
    assert advanced.json()["outcome"] == "failed"
    assert advanced.json()["error"]["phase"] == "pm"


async def test_a_run_goes_to_its_end_and_its_rejections_stay_visible(working_api: httpx.AsyncClient) -> None:
    path = (await working_api.post("/pipelines", json=EPIC)).headers["location"]
    started = await working_api.post(f"{path}/run", headers={"prefer": "wait=60"})
    assert started.status_code == 200, started.text
    body = (await working_api.get(path)).json()
    assert body["state"] == "succeeded", body["error"]
    outcomes = [run["outcome"] for phase in body["phases"] for run in phase["runs"]]
    assert "rejected" in outcomes
    refused = await working_api.post(f"{path}/advance")
    assert refused.status_code == 409
    assert refused.json()["details"]["state"] == "succeeded"


async def test_without_a_worker_advance_answers_202_and_where_to_look(
    api: httpx.AsyncClient, pipeline: str
) -> None:
    advanced = await api.post(f"{pipeline}/advance")
    assert advanced.status_code == 202
    assert advanced.headers["location"] == pipeline
    assert advanced.json()["state"] == "queued"
    assert advanced.json()["phase"] is None


async def test_a_caller_that_does_not_wait_gets_202_at_once(working_api: httpx.AsyncClient) -> None:
    path = (await working_api.post("/pipelines", json=EPIC)).headers["location"]
    for action in ("advance", "run"):
        answered = await working_api.post(f"{path}/{action}", headers={"prefer": "respond-async"})
        assert answered.status_code in (202, 409)
    assert answered.headers.get("location", path) == path


async def test_run_answers_202_at_once(api: httpx.AsyncClient, pipeline: str) -> None:
    started = await api.post(f"{pipeline}/run")
    assert started.status_code == 202
    assert started.headers["location"] == pipeline
    assert started.json()["state"] == "queued"


async def test_waiting_for_a_run_ends_with_the_patience_of_the_caller(
    api: httpx.AsyncClient, pipeline: str
) -> None:
    started = await api.post(f"{pipeline}/run", headers={"prefer": "wait=1"})
    assert started.status_code == 202


async def test_of_two_advances_at_once_one_runs_and_one_gets_409(working_api: httpx.AsyncClient) -> None:
    path = (await working_api.post("/pipelines", json=EPIC)).headers["location"]
    answers = await asyncio.gather(*(working_api.post(f"{path}/advance") for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    body = (await working_api.get(path)).json()
    assert sum(len(phase["runs"]) for phase in body["phases"]) == 1


async def test_a_cancelled_run_is_over(api: httpx.AsyncClient, pipeline: str) -> None:
    cancelled = await api.post(f"{pipeline}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["state"] == "cancelled"
    assert (await api.post(f"{pipeline}/cancel")).status_code == 409
    assert (await api.post(f"{pipeline}/run")).status_code == 409


async def test_pages_show_each_run_once_newest_first(api: httpx.AsyncClient) -> None:
    made = [(await api.post("/pipelines", json=EPIC)).json()["pipeline_id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = (
            await api.get("/pipelines", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [item["pipeline_id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == made[::-1]
    assert cursor is None


async def test_a_list_can_be_limited_to_a_state(api: httpx.AsyncClient, pipeline: str) -> None:
    await api.post("/pipelines", json=EPIC)
    await api.post(f"{pipeline}/cancel")
    page = (await api.get("/pipelines", params={"state": "cancelled"})).json()
    assert [item["links"]["self"] for item in page["items"]] == [pipeline]


async def test_a_cursor_that_no_page_gave_out_is_refused(api: httpx.AsyncClient) -> None:
    for cursor in ("x", "////", "MjAyNi0wMS0wMSB4", "é"):
        refused = await api.get("/pipelines", params={"cursor": cursor})
        assert refused.status_code == 422, cursor
        assert refused.json()["details"]["place"] == "cursor"


async def test_nothing_is_created_from_a_bad_epic(services: Services, api: httpx.AsyncClient) -> None:
    assert (await api.post("/pipelines", json={"epic_description": " \n"})).status_code == 422
    assert (await api.post("/pipelines", json={"epic_description": "x" * 20_001})).status_code == 413
    assert (await api.post("/pipelines", json={"epic_description": None})).status_code == 422
    assert (await api.post("/pipelines", json=EPIC | {"state": "succeeded"})).status_code == 422
    assert (await api.post("/pipelines", json=EPIC | {"definition": "nowhere"})).status_code == 404
    async with services.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Pipeline)) == 0


async def test_an_unknown_run_is_not_found_and_an_id_that_is_none_is_refused(api: httpx.AsyncClient) -> None:
    for suffix in ("", "/artifacts", "/artifacts/epic", "/documents/epic", "/usage", "/events"):
        assert (await api.get(f"/pipelines/{uuid4()}{suffix}")).status_code == 404, suffix
        assert (await api.get(f"/pipelines/1{suffix}")).status_code == 422, suffix
    for action in ("advance", "run", "cancel"):
        assert (await api.post(f"/pipelines/{uuid4()}/{action}")).status_code == 404, action
