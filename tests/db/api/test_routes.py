"""Routes, keywords and profiles over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.pipelines import store
from app.seeding.files import load_seeds
from app.seeding.rows import seed
from app.services import Services
from app.tables import TokenRole
from tests.db.api.conftest import EPIC

SEEDS = load_seeds()


async def route(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    return next(one for one in (await api.get("/routes")).json() if one["name"] == name)


async def test_a_route_is_listed_with_all_there_is_to_it(api: httpx.AsyncClient) -> None:
    found = await route(api, "critical-decisions")
    step = found["cascade"].pop()
    assert (step["profile"], "invalid_answer" in step["on"]) == ("claude-opus", True)
    assert found == {
        "name": "critical-decisions",
        "description": "What can not be taken back. Never answered by a lesser model.",
        "profile": "claude",
        "think": None,
        "latency_s": 15,
        "critical": True,
        "cascade": [],
        "is_edited": False,
    }


async def test_fields_of_a_route_are_changed_and_seeding_leaves_it_alone(
    api: httpx.AsyncClient, services: Services
) -> None:
    body = {"profile": "ollama-code", "think": "on", "latency_s": None, "cascade": [{"profile": "claude"}]}
    changed = (await api.patch("/routes/code-review", json=body)).json()
    assert (changed["profile"], changed["think"], changed["latency_s"]) == ("ollama-code", "on", None)
    assert (changed["cascade"][0]["profile"], changed["is_edited"]) == ("claude", True)
    assert changed["description"] == SEEDS.routes["code-review"].description
    assert (await seed(services.database, SEEDS, services.kinds)).kept == ["routes code-review"]
    assert await route(api, "code-review") == changed


async def test_a_new_kind_of_work_is_a_new_row_and_no_code(api: httpx.AsyncClient) -> None:
    body = {"description": "Rhymes", "profile": "ollama-uncensored", "latency_s": 9}
    assert (await api.put("/routes/rhymes", json=body)).status_code == 200
    found = (await api.post("/routes/explain", json={"task": "Rhymes"})).json()
    assert (found["profile"], found["latency_s"]) == ("ollama-uncensored", 9)


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("light", {"profile": "gpt"}, 422, "no model profile 'gpt'; there are: claude, claude-haiku"),
        ("light", {"cascade": [{"profile": "gpt"}]}, 422, "no model profile 'gpt'"),
        ("light", {"cascade": [{"profile": "claude", "on": ["tired"]}]}, 422, "'invalid_answer'"),
        ("light", {"critical": True}, 422, "ollama-code is free, and a critical route"),
        ("critical-decisions", {"cascade": [{"profile": "lmstudio"}]}, 422, "lmstudio is free"),
        ("light", {"latency_s": 0}, 422, "greater than 0"),
        ("light", {"description": None}, 422, "description"),
        ("light", {"speed": 1}, 422, "speed"),
        ("nothing", {"profile": "claude"}, 404, "there are: agent-personality"),
    ],
)
async def test_a_route_that_can_not_work_is_refused_with_what_exists(
    api: httpx.AsyncClient, name: str, body: dict[str, Any], status: int, words: str
) -> None:
    refused = await api.patch(f"/routes/{name}", json=body)
    assert (refused.status_code, words in refused.text) == (status, True)
    assert not any(one["is_edited"] for one in (await api.get("/routes")).json())


async def test_keywords_are_written_whole_in_their_order_and_seeding_leaves_them_alone(
    api: httpx.AsyncClient, services: Services
) -> None:
    mine = [{"keyword": "describe", "route": "code"}, {"keyword": "*", "route": "light"}]
    assert (await api.put("/route-keywords", json=mine)).json() == mine
    assert (await api.get("/route-keywords")).json() == mine
    found = (await api.post("/routes/explain", json={"text": "a critical matter to describe"})).json()
    assert (found["route"], found["by"], found["keyword"]) == ("code", "keyword", "describe")
    assert (await seed(services.database, SEEDS, services.kinds)).kept == ["route_keywords"]
    assert (await api.get("/route-keywords")).json() == mine


ANY = {"keyword": "*", "route": "light"}


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ([], "where any other text goes"),
        ([ANY, {"keyword": "x", "route": "nowhere"}], "no route 'nowhere'; there are: agent-personality"),
        ([ANY, {"keyword": "x", "route": "code"}, {"keyword": "x", "route": "light"}], "twice"),
        ([ANY, {"keyword": "Loud", "route": "code"}], "in lower case"),
        ([ANY, {"keyword": " x", "route": "code"}], "match pattern"),
    ],
)
async def test_keywords_that_make_no_sense_are_refused_and_nothing_is_lost(
    api: httpx.AsyncClient, keywords: list[dict[str, str]], words: str
) -> None:
    before = (await api.get("/route-keywords")).json()
    refused = await api.put("/route-keywords", json=keywords)
    assert (refused.status_code, words in refused.text) == (422, True)
    assert (await api.get("/route-keywords")).json() == before


async def test_an_explanation_says_who_is_asked_and_who_is_not(api: httpx.AsyncClient) -> None:
    found = (await api.post("/routes/explain", json={"text": "Describe the sunset"})).json()
    assert (found["route"], found["profile"], found["latency_s"]) == ("art-description", "lmstudio", 5)
    assert [place["turn"] for place in found["line"]] == ["first", "next", "not_allowed"]
    assert found["line"][2]["missing"] == "no key: set WORKBENCH_ANTHROPIC_API_KEY"
    body = {"text": "Describe the sunset", "policy": {"escalate_to_paid": True}}
    allowed = (await api.post("/routes/explain", json=body)).json()
    assert [place["turn"] for place in allowed["line"]] == ["first", "next", "next"]
    assert (await api.post("/routes/explain", json={"text": " "})).status_code == 422
    assert (await api.post("/routes/explain", json={"task": "nothing"})).status_code == 404


async def test_a_profile_is_changed(api: httpx.AsyncClient) -> None:
    body = {
        "vram_gb": 9.5,
        "max_turns": 5,
        "code_channel": "blocks",
        "think": "high",
        "temperature": None,
        "timeout_s": 240,
    }
    changed = (await api.patch("/models/qwen3-8b", json=body)).json()
    assert {name: changed[name] for name in body} == body
    assert (changed["is_edited"], changed["max_output_tokens"]) == (True, 4096)


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("claude", {"temperature": 0.3}, 422, "Claude takes no temperature"),
        ("qwen3-14b", {"max_output_tokens": 4096}, 422, "leaves no room for a prompt"),
        ("claude", {"max_turns": 11}, 422, "max_turns"),
        ("claude", {"model": None}, 422, "model can not be null"),
        ("claude", {}, 422, "nothing is to change"),
        ("claude", {"price_usd_per_mtok": {"input": 0}}, 422, "price_usd_per_mtok"),
        ("gpt", {"max_turns": 1}, 404, "there are: claude"),
    ],
)
async def test_a_profile_that_can_not_work_is_refused(
    api: httpx.AsyncClient, name: str, body: dict[str, Any], status: int, words: str
) -> None:
    refused = await api.patch(f"/models/{name}", json=body)
    assert (refused.status_code, words in refused.text) == (status, True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/models/claude", {"max_turns": 2}),
        ("PATCH", "/routes/light", {"profile": "claude"}),
        ("PUT", "/routes/light", {"profile": "claude", "description": "x"}),
        ("PUT", "/route-keywords", [ANY]),
    ],
)
async def test_only_an_admin_changes_where_prompts_go(
    secured: httpx.AsyncClient,
    bearer: Callable[[TokenRole], dict[str, str]],
    method: str,
    path: str,
    body: Any,
) -> None:
    refused = await secured.request(method, path, json=body, headers=bearer(TokenRole.AUTHOR))
    assert refused.status_code == 403
    done = await secured.request(method, path, json=body, headers=bearer(TokenRole.ADMIN))
    assert done.status_code == 200


@pytest.mark.parametrize(
    ("policy", "pinned"),
    [
        (None, (False, False)),
        ({"escalate_to_paid": True}, (True, False)),
        ({"fall_back_to_local": True, "escalate_to_paid": None}, (False, True)),
    ],
)
async def test_a_run_and_a_batch_pin_the_policy_they_were_given(
    api: httpx.AsyncClient, services: Services, policy: Any, pinned: tuple[bool, bool]
) -> None:
    run = (await api.post("/pipelines", json={**EPIC, "policy": policy})).json()["pipeline_id"]
    batch = (await api.post("/batches", json={"inputs": ["one"], "policy": policy})).json()["batch_id"]
    query = {name: value for name, value in (policy or {}).items() if value is not None}
    lines = await api.post(
        "/batches", content='"one"\n', params=query, headers={"content-type": "application/x-ndjson"}
    )
    async with services.database.transaction() as session:
        digests = [(await store.get(session, UUID(run))).snapshot]
        digests += [
            (await services.batches.get(UUID(id_))).snapshot for id_ in (batch, lines.json()["batch_id"])
        ]
        policies = [(await store.snapshot(session, digest)).policy for digest in digests]
    assert [(one.escalate_to_paid, one.fall_back_to_local) for one in policies] == [pinned] * 3
