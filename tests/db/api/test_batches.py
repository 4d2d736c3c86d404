"""Batches over HTTP: lists and files go in, counts, items and results come out."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.api import upload
from app.services import Services
from app.tables import Batch, TokenRole

LINES = {"content-type": "application/x-ndjson"}
TABLE = {"content-type": "text/csv; charset=utf-8"}


async def create(api: httpx.AsyncClient, *inputs: object, **terms: object) -> str:
    """The path of a batch."""
    created = await api.post("/batches", json={"inputs": inputs, "definition": "software-small", **terms})
    assert created.status_code == 201, created.text
    return created.headers["location"]


async def test_a_list_of_inputs_becomes_a_batch(api: httpx.AsyncClient) -> None:
    body = {
        "inputs": ["one", {"input": "two"}, {"amount": 3}],
        "definition": "software-small",
        "concurrency": 2,
    }
    created = await api.post("/batches", json=body)
    assert created.status_code == 201
    found = created.json()
    assert created.headers["location"] == f"/batches/{found['batch_id']}" == found["links"]["self"]
    assert (found["state"], found["total"], found["definition"]) == ("open", 3, "software-small")
    assert found["counts"] == {"pending": 1, "running": 2, "succeeded": 0, "dead": 0, "cancelled": 0}
    assert found["bill"]["cost_usd"] == "0"
    assert (found["items_per_minute"], found["eta_s"]) == (0, None)
    assert (await api.get(created.headers["location"])).json() == found


async def test_json_lines_become_a_batch(api: httpx.AsyncClient) -> None:
    content = "".join(json.dumps({"input": f"epic {n}"}) + "\n" for n in range(3000))
    terms = {"definition": "software-small", "concurrency": 1, "max_attempts": 5}
    created = await api.post("/batches", content=content, headers=LINES, params=terms)
    assert created.status_code == 201
    found = created.json()
    assert (found["total"], found["concurrency"], found["max_attempts"]) == (3000, 1, 5)


async def test_a_table_becomes_a_batch(api: httpx.AsyncClient) -> None:
    async def parts() -> object:
        for part in (b"id,note\n1,fir", b"st\n2,second\n"):
            yield part

    terms = {"definition": "software-small", "column": "note"}
    created = await api.post("/batches", content=parts(), headers=TABLE, params=terms)
    page = (await api.get(f"{created.headers['location']}/items")).json()
    assert [item["input"] for item in page["items"]] == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "headers", "place"),
    [
        ('"a"\n"b"\n{oops\n', LINES, "line 3"),
        ("input\na\n\n,\n", TABLE, "line 4"),
        ('{"inputs": ["a", 3]}', {"content-type": "application/json"}, "inputs[1].str"),
        ('{"inputs": ["a", ""]}', {"content-type": "application/json"}, "inputs[1]"),
        ('{"inputs": []}', {"content-type": "application/json"}, "inputs"),
        ("", {}, "body"),
    ],
)
async def test_a_bad_input_is_named_and_nothing_is_stored(
    api: httpx.AsyncClient, services: Services, content: str, headers: dict[str, str], place: str
) -> None:
    refused = await api.post("/batches", content=content, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["details"]["place"] == place
    async with services.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Batch)) == 0


async def test_terms_in_the_query_of_a_list_are_refused(api: httpx.AsyncClient) -> None:
    refused = await api.post("/batches?concurrency=3", json={"inputs": ["a"]})
    assert refused.json()["details"] == {"place": "query"}


async def test_other_routes_take_no_files(api: httpx.AsyncClient) -> None:
    assert (await api.post("/pipelines", content='"a"', headers=LINES)).status_code == 415


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(api: httpx.AsyncClient) -> None:
    headers = LINES | {"content-length": str(upload.MAX_BYTES + 1)}
    refused = await api.post("/batches", content=b'"a"', headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_the_same_file_with_the_same_key_makes_one_batch(api: httpx.AsyncClient) -> None:
    async def send(content: str) -> httpx.Response:
        headers = LINES | {"idempotency-key": "k"}
        return await api.post("/batches?definition=software-small", content=content, headers=headers)

    first, again = await send('"a"\n'), await send('"a"\n')
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (await send('"b"\n')).status_code == 422
    assert len((await api.get("/batches")).json()["items"]) == 1


async def test_batches_come_by_page_newest_first(api: httpx.AsyncClient) -> None:
    paths = [await create(api, "a") for _ in range(3)]
    first = (await api.get("/batches?limit=2")).json()
    second = (await api.get(f"/batches?limit=2&cursor={first['next']}")).json()
    found = [item["links"]["self"] for item in first["items"] + second["items"]]
    assert found == paths[::-1]
    assert second["next"] is None


async def test_items_come_by_page_and_by_state(api: httpx.AsyncClient) -> None:
    path = await create(api, *"abcde", concurrency=2)
    first = (await api.get(f"{path}/items?state=pending&limit=2")).json()
    assert [item["number"] for item in first["items"]] == [3, 4]
    second = (await api.get(f"{path}/items?state=pending&limit=2&cursor={first['next']}")).json()
    assert [(item["number"], item["attempts"], item["pipeline_id"]) for item in second["items"]] == [
        (5, 0, None)
    ]
    assert second["next"] is None


async def test_a_batch_is_paused_resumed_and_cancelled(api: httpx.AsyncClient) -> None:
    path = await create(api, "a", "b", concurrency=1)
    assert (await api.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await api.post(f"{path}/resume")).json()["state"] == "open"
    cancelled = (await api.post(f"{path}/cancel")).json()
    assert (cancelled["state"], cancelled["counts"]["cancelled"]) == ("cancelled", 2)
    refused = await api.post(f"{path}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(("form", "kind"), [("jsonl", "application/x-ndjson"), ("csv", "text/csv")])
async def test_results_are_a_file(api: httpx.AsyncClient, form: str, kind: str) -> None:
    path = await create(api, "a", "b")
    answer = await api.get(f"{path}/results?format={form}&state=running")
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    assert len(answer.text.splitlines()) == 2 + (form == "csv")


@pytest.mark.parametrize("rest", ["", "/items", "/results"])
async def test_a_batch_that_is_not_there_is_not_found(api: httpx.AsyncClient, rest: str) -> None:
    assert (await api.get(f"/batches/{uuid4()}{rest}")).status_code == 404


async def test_a_viewer_may_look_and_not_touch(
    secured: httpx.AsyncClient, bearer: Callable[[TokenRole], dict[str, str]]
) -> None:
    headers = bearer(TokenRole.VIEWER)
    assert (await secured.get("/batches", headers=headers)).status_code == 200
    refused = await secured.post("/batches", content='"a"', headers=headers | LINES)
    assert refused.status_code == 403
    assert (await secured.post("/batches", content='"a"', headers=LINES)).status_code == 401
