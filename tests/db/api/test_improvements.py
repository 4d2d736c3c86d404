"""Improvements, estimates and the scoreboard over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from app.tables import TokenRole

ORDER = {
    "epics": ["Add a", "Add b"],
    "project": "sample",
    "definition": "software-small",
    "max_usd": "1.5",
    "max_failures": 2,
}


async def order(api: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    made = await api.post("/improvements", json={**ORDER, **changes})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    assert made.headers["location"] == f"/improvements/{found['improvement_id']}"
    return found


async def test_an_order_is_begun_with_its_first_epic(api: httpx.AsyncClient) -> None:
    found = await order(api)
    assert (found["state"], found["total"], found["project"]) == ("open", 2, "sample")
    assert (found["max_usd"], found["max_failures"], found["failures_in_a_row"]) == ("1.500000", 2, 0)
    assert [(step["epic"], step["state"]) for step in found["epics"]] == [
        ("Add a", "running"),
        ("Add b", "pending"),
    ]
    assert found["head_commit"] == found["base_commit"] is not None
    assert found["estimated_tokens"] > 0
    run = (await api.get(f"/pipelines/{found['epics'][0]['pipeline_id']}")).json()
    assert run["base_commit"] == found["base_commit"]
    assert (await api.get(f"/improvements/{found['improvement_id']}")).json() == found


async def test_improvements_are_listed_the_newest_first_by_page(api: httpx.AsyncClient) -> None:
    ids = [(await order(api, goal=f"g{n}", epics=[]))["improvement_id"] for n in range(3)]
    first = (await api.get("/improvements", params={"limit": 2})).json()
    rest = (await api.get("/improvements", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["improvement_id"] for one in [*first["items"], *rest["items"]]] == ids[::-1]
    assert rest["next"] is None


async def test_one_is_paused_resumed_and_cancelled(api: httpx.AsyncClient) -> None:
    path = f"/improvements/{(await order(api))['improvement_id']}"
    assert (await api.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await api.post(f"{path}/resume")).json()["state"] == "open"
    ended = (await api.post(f"{path}/cancel")).json()
    assert (ended["state"], [step["state"] for step in ended["epics"]]) == ("cancelled", ["cancelled"] * 2)
    assert (await api.post(f"{path}/cancel")).status_code == 409


async def test_a_batch_is_no_improvement(api: httpx.AsyncClient) -> None:
    made = await api.post("/batches", json={"inputs": ["one"], "definition": "software-small"})
    path = f"/improvements/{made.json()['batch_id']}"
    assert [(await api.get(path)).status_code, (await api.post(f"{path}/cancel")).status_code] == [404, 404]
    assert (await api.get(f"/improvements/{uuid4()}")).status_code == 404


async def test_a_faulty_order_stores_nothing(api: httpx.AsyncClient) -> None:
    for wrong in ({"goal": "both"}, {"epics": ["", "a"]}, {"project": "nobody"}, {"max_usd": "0"}):
        assert (await api.post("/improvements", json={**ORDER, **wrong})).status_code in (404, 422)
    assert (await api.get("/improvements")).json()["items"] == []


async def test_only_operators_order(
    secured: httpx.AsyncClient, bearer: Callable[[TokenRole], dict[str, str]]
) -> None:
    viewer = bearer(TokenRole.VIEWER)
    assert (await secured.post("/improvements", json=ORDER, headers=viewer)).status_code == 403
    assert (await secured.get("/improvements", headers=viewer)).status_code == 200


async def test_an_estimate_names_its_phases_and_what_they_would_take(api: httpx.AsyncClient) -> None:
    asked = {"epic_description": "Add a", "project": "sample", "profile": "claude"}
    found = (await api.post("/estimates", json=asked)).json()
    assert [one["phase"] for one in found["phases"]] == ["pm", "architect", "developer", "qa"]
    assert found["tokens"]["low"] == sum(one["tokens"]["low"] for one in found["phases"])
    assert float(found["usd"]["high"]) > float(found["usd"]["low"]) > 0


async def test_the_scoreboard_counts_the_epics_of_a_project(api: httpx.AsyncClient) -> None:
    for path in ("/scoreboard", "/self"):
        assert (await api.get(path)).status_code == 404  # nothing registered the checkout here
    await order(api)
    board = (await api.get("/scoreboard", params={"project": "sample", "tokens_low": 10})).json()
    assert (board["epics"], board["under_way"], board["merged"]) == (1, 1, 0)
    assert (board["roi"]["tokens"], board["roi"]["before"]["tokens_low"]) == (None, 10)
