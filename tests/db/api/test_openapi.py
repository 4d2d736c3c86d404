"""/docs with no other server, and an OpenAPI document that says what the routes do."""

from __future__ import annotations

import re

import httpx

from app.api.access import OPEN
from app.settings import ROOT

REFERENCE = ROOT / "docs" / "reference" / "api.md"


async def operations(api: httpx.AsyncClient) -> dict[tuple[str, str], dict[str, object]]:
    document = (await api.get("/openapi.json")).json()
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def test_every_route_has_a_tag_a_summary_and_an_error_document(secured: httpx.AsyncClient) -> None:
    for (method, path), operation in (await operations(secured)).items():
        assert operation["tags"], path
        assert operation["summary"], path
        responses = operation["responses"]
        assert isinstance(responses, dict)
        assert "422" not in responses
        assert list(responses["default"]["content"]) == ["application/problem+json"], (method, path)


async def test_every_route_but_the_open_ones_asks_for_a_token_and_names_its_role(
    secured: httpx.AsyncClient,
) -> None:
    for (_, path), operation in (await operations(secured)).items():
        assert ("security" in operation) == (path not in OPEN), path
        assert ("Role: `" in str(operation.get("description"))) == (path not in OPEN), path


async def test_the_document_refers_to_nothing_that_is_not_in_it(secured: httpx.AsyncClient) -> None:
    text = (await secured.get("/openapi.json")).text
    schemas = (await secured.get("/openapi.json")).json()["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas)
    assert "HTTPValidationError" not in text


async def test_the_page_and_its_assets_come_from_this_server_alone(secured: httpx.AsyncClient) -> None:
    page = await secured.get("/docs")
    assert page.status_code == 200
    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert found
    for asset in found:
        assert asset in OPEN, asset
        assert (await secured.get(asset)).status_code == 200, asset
    assert "://" not in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]


async def test_every_route_stands_in_the_reference(api: httpx.AsyncClient) -> None:
    text = REFERENCE.read_text("utf-8")
    rows = {(found[1], found[2]): found[3] for found in re.finditer(r"\| `([A-Z]+) (\S+)` \| (\w+) \|", text)}
    actual = await operations(api)
    assert set(rows) == set(actual)
    for route, operation in actual.items():
        role = re.search(r"Role: `(\w+)`", str(operation.get("description")))
        assert rows[route] == (role[1] if role else "anybody"), route
