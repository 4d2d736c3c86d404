"""Who may call what: no route without a token, no role beyond its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from app import tokens
from app.api.access import OPEN, needed_role
from app.api.guesses import MOST
from app.main import create
from app.services import Services
from app.settings import Settings
from app.tables import TokenRole

Bearer = Callable[[TokenRole], dict[str, str]]
Serve = Callable[..., httpx.AsyncClient]


def routes_of(app: FastAPI) -> list[tuple[str, str, object]]:
    """Method, a path that matches, endpoint: of every route of the application."""
    found = []
    for route in app.routes:
        assert isinstance(route, Route), route
        assert route.methods
        path = re.sub(r"\{pipeline_id\}", str(uuid4()), route.path)
        path = re.sub(r"\{(number|token_id)\}", "1", path)
        found += [(method, re.sub(r"\{\w+\}", "name", path), route.endpoint) for method in route.methods]
    return found


@pytest.mark.abuse(43, 65)
async def test_an_anonymous_call_gets_401_on_every_route_but_the_open_ones(
    settings: Settings, services: Services, secured: httpx.AsyncClient
) -> None:
    answers = {}
    for method, path, _ in routes_of(create(settings)):
        answers[method, path] = (await secured.request(method, path)).status_code
    assert len(answers) > 30
    opened = {path for (_, path), status in answers.items() if status != 401}
    assert opened == OPEN
    assert (await secured.get("/no/such/path")).status_code == 401


async def test_every_route_that_is_not_open_declares_a_role(settings: Settings) -> None:
    undeclared = {path for _, path, endpoint in routes_of(create(settings)) if needed_role(endpoint) is None}
    assert undeclared == OPEN


@pytest.mark.abuse(59)
async def test_a_role_reaches_its_routes_and_those_of_the_roles_below(
    settings: Settings, secured: httpx.AsyncClient, bearer: Bearer
) -> None:
    ranks = list(TokenRole)
    for method, path, endpoint in routes_of(create(settings)):
        needed = needed_role(endpoint)
        if needed is None:
            continue
        for role in TokenRole:
            answered = await secured.request(method, path, headers=bearer(role))
            refused = answered.status_code == 403
            assert refused == (ranks.index(role) < ranks.index(needed)), (role, method, path, answered.text)


def declared(method: str, path: str, settings: Settings) -> TokenRole | None:
    return next(needed_role(found[2]) for found in routes_of(create(settings)) if found[:2] == (method, path))


async def test_what_may_run_code_or_make_tokens_needs_an_admin(settings: Settings) -> None:
    for method, path in (
        ("POST", "/projects"),
        ("PUT", "/projects/name"),
        ("POST", "/destinations"),
        ("GET", "/destinations/name"),
        ("PUT", "/destinations/name"),
        ("DELETE", "/destinations/name"),
        ("POST", "/tokens"),
        ("GET", "/tokens"),
        ("DELETE", "/tokens/1"),
    ):
        assert declared(method, path, settings) is TokenRole.ADMIN
    for method, path in (("PUT", "/definitions/name"), ("POST", "/prompts/name/versions")):
        assert declared(method, path, settings) is TokenRole.AUTHOR


@pytest.mark.abuse(59)
async def test_a_new_route_without_a_role_is_refused_to_an_admin(services: Services, bearer: Bearer) -> None:
    app = create(services.settings)
    app.state.context.services = services
    answer = PlainTextResponse("secret")

    async def plain(request: object) -> PlainTextResponse:
        return answer

    app.add_api_route("/new", lambda: "secret")
    app.router.routes += [Route("/raw", plain), Mount("/mounted", app=answer)]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for path in ("/new", "/raw", "/mounted/x"):
            assert (await client.get(path)).status_code == 401
            refused = await client.get(path, headers=bearer(TokenRole.ADMIN))
            assert refused.status_code == 403
            assert "declares no role" in refused.json()["detail"]


async def test_an_unknown_path_is_not_found_and_a_wrong_method_named_to_who_has_a_token(
    secured: httpx.AsyncClient, bearer: Bearer
) -> None:
    headers = bearer(TokenRole.VIEWER)
    assert (await secured.get("/nothing", headers=headers)).status_code == 404
    wrong = await secured.delete("/pipelines", headers=headers)
    assert wrong.status_code == 405
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.abuse(43)
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer []",
        "Basic abc",
        "Bearer " + "x" * 10_000,
        "Bearer workbench_",
    ],
)
async def test_what_is_no_token_gets_401_and_is_told_how(secured: httpx.AsyncClient, header: str) -> None:
    refused = await secured.get("/pipelines", headers={"authorization": header})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.abuse(43)
async def test_an_unknown_a_revoked_and_an_expired_token_get_the_same_words(
    services: Services, secured: httpx.AsyncClient
) -> None:
    async with services.database.transaction() as session:
        revoked, revoked_text = await tokens.create(session, "revoked", TokenRole.ADMIN)
        await tokens.create(session, "other", TokenRole.ADMIN)
        await tokens.revoke(session, revoked.id)
        _, expired_text = await tokens.create(session, "expired", TokenRole.ADMIN, timedelta(seconds=-1))
        unknown, unknown_text = await tokens.create(session, "unknown", TokenRole.ADMIN)
        await session.delete(unknown)
    answers = [
        await secured.get("/pipelines", headers={"authorization": f"Bearer {text}"})
        for text in (revoked_text, expired_text, unknown_text)
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_a_used_token_says_when_and_its_text_is_stored_nowhere(
    services: Services, secured: httpx.AsyncClient
) -> None:
    async with services.database.transaction() as session:
        row, text = await tokens.create(session, "mine", TokenRole.VIEWER)
    assert row.last_used_at is None
    assert (await secured.get("/version", headers={"authorization": f"Bearer {text}"})).status_code == 200
    async with services.database.transaction() as session:
        (row,) = await tokens.every(session)
    assert row.last_used_at is not None
    assert text not in repr([row.name, row.prefix, row.sha256])
    assert tokens.is_well_formed(text)
    assert not tokens.is_well_formed(text[:-1] + ("0" if text[-1] != "0" else "1"))


async def test_who_asks_is_kept_with_what_they_changed(secured: httpx.AsyncClient, bearer: Bearer) -> None:
    draft = {
        "system": "",
        "task": "t {{ epic_description }}",
        "variables": ["epic_description"],
        "message": "m",
    }
    made = await secured.post("/prompts/pm/versions", json=draft, headers=bearer(TokenRole.AUTHOR))
    assert made.json()["created_by"] == "author of the test"


@pytest.mark.abuse(65)
async def test_a_websocket_is_closed(settings: Settings) -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    await create(settings)({"type": "websocket", "path": "/pipelines", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.abuse(61)
async def test_guesses_of_a_token_are_slowed_down_and_a_valid_one_still_passes(
    services: Services, secured: httpx.AsyncClient, bearer: Bearer
) -> None:
    async with services.database.transaction() as session:
        row, guess = await tokens.create(session, "gone", TokenRole.ADMIN)
        await session.delete(row)
    wrong = {"authorization": f"Bearer {guess}"}
    answers = [(await secured.get("/pipelines", headers=wrong)).status_code for _ in range(MOST + 2)]
    assert answers == [401] * MOST + [429, 429]
    assert (await secured.get("/pipelines", headers=bearer(TokenRole.VIEWER))).status_code == 200
