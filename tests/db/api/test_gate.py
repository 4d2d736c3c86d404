"""What is refused before any route sees it: hosts, origins, bodies; and how every error looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

from app.api.body import MAX_BYTES
from app.errors import Invalid
from app.main import create
from app.services import Services
from app.settings import Settings

EPIC = {"epic_description": "Add health check endpoint"}
JSON = {"content-type": "application/json"}
Serve = Callable[..., httpx.AsyncClient]


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    body = answer.json()
    return (
        answer.status_code == body["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and body["code"] == code
        and body["type"] == f"/problems/{code}"
        and bool(body["title"] and body["detail"])
    )


@pytest.mark.abuse(53)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1:9", "127.0.0.1.evil:8000", ""]
)
async def test_another_host_gets_421(api: httpx.AsyncClient, host: str) -> None:
    assert is_problem(await api.get("/livez", headers={"host": host}), 421, "wrong_host")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST:8000"])
async def test_the_names_of_this_machine_are_answered(api: httpx.AsyncClient, host: str) -> None:
    assert (await api.get("/livez", headers={"host": host})).status_code == 200


async def test_a_host_can_be_allowed(services: Services, serve: Serve) -> None:
    api = serve(services, auth="off", allowed_hosts="bench.example, other.example:444")
    for host, status in (("bench.example", 200), ("other.example:444", 200), ("other.example", 421)):
        assert (await api.get("/livez", headers={"host": host})).status_code == status


@pytest.mark.abuse(53)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8000"},
    ],
)
async def test_a_page_of_another_site_can_change_nothing(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert is_problem(await api.post("/pipelines", json=EPIC, headers=headers), 403, "forbidden")
    assert (await api.get("/pipelines")).json()["items"] == []


async def test_a_page_of_our_own_may_change_things(api: httpx.AsyncClient) -> None:
    for headers in ({"origin": "http://127.0.0.1:8000"}, {"sec-fetch-site": "same-origin"}):
        assert (await api.post("/pipelines", json=EPIC, headers=headers)).status_code == 201


@pytest.mark.abuse(42, 55, 56)
async def test_no_answer_allows_other_origins_and_all_are_sealed(api: httpx.AsyncClient) -> None:
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for answer in (
        await api.options("/pipelines", headers=preflight),
        await api.get("/pipelines", headers=preflight),
        await api.get("/nothing"),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers["x-request-id"]) == 16


async def test_without_authentication_only_this_machine_may_call(services: Services) -> None:
    app = create(services.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = services
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        assert is_problem(await client.get("/pipelines"), 403, "forbidden")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "bench.example"])  # noqa: S104
async def test_authentication_can_not_be_off_on_an_address_others_reach(
    settings: Settings, host: str
) -> None:
    with pytest.raises(Invalid, match="WORKBENCH_AUTH=off is accepted on loopback only"):
        create(settings.model_copy(update={"auth": "off", "host": host}))
    assert create(settings.model_copy(update={"host": host}))


@pytest.mark.abuse(44)
async def test_a_large_body_is_refused_before_it_is_read(api: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    declared = await api.post("/pipelines", content=b"[]", headers=JSON | {"content-length": str(10**9)})
    assert is_problem(declared, 413, "too_large")
    chunked = await api.post("/pipelines", content=endless(), headers=JSON)
    assert is_problem(chunked, 413, "too_large")
    assert sent <= MAX_BYTES + 2 * 64 * 1024


@pytest.mark.abuse(54)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
async def test_a_body_that_does_not_say_it_is_json_gets_415(api: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    sent = await api.post("/pipelines", content=json.dumps(EPIC).encode(), headers=headers)
    assert is_problem(sent, 415, "not_json")


TWO_WAYS = [
    pytest.param(body, marks=pytest.mark.abuse(case))
    for case, body in (
        (36, b'{"epic_description": "a\\u0000b"}'),
        (36, b'{"epic_description": "\\ud800"}'),
        (36, b'{"epic_description": "\xff"}'),
        (34, b'{"epic_description": "a", "epic_description": "b"}'),
        (33, b'{"epic_description": NaN}'),
        (32, b"{" * 100_000),
        (39, b'{"epic_description": "a"'),
        (38, b"[]"),
        (38, b"null"),
        (38, b'"epic"'),
        (33, b'{"epic_description": "' + b"a" * 100_000 + b'", "x": 1e999}'),
    )
]


@pytest.mark.parametrize("body", TWO_WAYS)
async def test_a_body_that_could_be_read_two_ways_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    assert is_problem(await api.post("/pipelines", content=body, headers=JSON), 422, "invalid")


async def test_a_missing_body_is_refused_with_its_place(api: httpx.AsyncClient) -> None:
    assert is_problem(await api.post("/pipelines"), 422, "invalid")
    missing = await api.post("/pipelines", json={})
    assert missing.json()["details"]["place"] == "epic_description"


@pytest.mark.abuse(62)
async def test_several_faults_are_named_together_and_values_are_not_repeated(api: httpx.AsyncClient) -> None:
    body = {"epic_description": 7, "project": "../secret", "state": "succeeded"}
    refused = await api.post("/pipelines", json=body)
    assert {error["place"] for error in refused.json()["details"]["errors"]} == set(body)
    assert "secret" not in refused.text


@pytest.mark.abuse(57, 64)
async def test_odd_addresses_are_refused(api: httpx.AsyncClient) -> None:
    for path, status in (
        ("/prompts/a%00b", 422),
        ("/pipelines?state=%00", 422),
        ("/pipelines?limit=0", 422),
        ("/pipelines?limit=1e9", 422),
        ("/pipelines?state=sleeping", 422),
        ("/usage?days=-1", 422),
        ("/pipelines/%2e%2e%2fx", 404),
        ("/prompts/pm/versions/" + "9" * 30, 422),
        ("/definitions/'; drop", 422),
        ("/docs/../pipelines/", 404),
    ):
        assert (await api.get(path)).status_code == status, path


async def test_a_fault_of_ours_tells_nothing_of_the_inside(services: Services) -> None:
    app = create(services.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = services
    _break(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        failed = await client.get("/livez")
    assert is_problem(failed, 500, "internal")
    assert failed.json()["details"] == {"request_id": failed.headers["x-request-id"]}
    assert "boom" not in failed.text


async def test_a_service_that_is_still_starting_says_so(settings: Settings) -> None:
    transport = httpx.ASGITransport(create(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        assert is_problem(await client.get("/readyz"), 503, "unavailable")
        assert (await client.get("/livez")).status_code == 200


async def test_a_body_that_is_cut_off_reaches_no_route(services: Services) -> None:
    app = create(services.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = services
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/pipelines",
        "query_string": b"",
        "headers": [(b"host", b"localhost:8000"), (b"content-type", b"application/json")],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_caller_that_hangs_up_cancels_nothing(services: Services, worker: Services) -> None:
    app = create(worker.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = worker
    run = await worker.pipelines.create("Add health check endpoint")
    gone = asyncio.Event()

    async def receive() -> dict[str, object]:
        if gone.is_set():
            return {"type": "http.disconnect"}
        gone.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        raise OSError("the client has hung up")

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/pipelines/{run.id}/advance",
        "query_string": b"",
        "headers": [(b"host", b"localhost:8000")],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
    }
    with pytest.raises(OSError, match="hung up"):
        await app(scope, receive, send)
    assert (await worker.pipelines.wait_until_still(run.id)).state == "paused"


def _break(app: FastAPI) -> None:
    async def broken() -> None:
        raise RuntimeError("boom at /var/secret")

    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != "/livez"]
    app.add_api_route("/livez", broken)
