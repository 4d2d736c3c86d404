"""Abuse case 57: SQL, wildcards and NUL in every text and filter are bound or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
import pytest_asyncio

from app.main import create
from app.services import open_services
from app.settings import Settings
from app.workspace.sandbox.sandbox import Sandbox

INJECTIONS = [
    "'; DROP TABLE pipelines; --",
    "' OR '1'='1",
    "1; DELETE FROM events",
    "%",
    "_",
    "\\",
    "$1",
    "{{7*7}}",
    "pm'||pg_sleep(10)||'",
    "\u202e'--",
]
FILTERS = [
    "/pipelines?state={}",
    "/pipelines?cursor={}",
    "/pipelines?limit={}",
    "/waits?reason={}",
    "/batches?cursor={}",
    "/usage?by={}",
    "/usage?days={}",
    "/prompts/{}",
    "/definitions/{}",
    "/pipelines/{}",
    "/batches/{}",
]


@pytest_asyncio.fixture(scope="module")
async def stage(
    server_url: str, seeded: str, state_root: Path, sandbox: Sandbox
) -> AsyncIterator[tuple[httpx.AsyncClient, Settings]]:
    """One application for all attempts: what one of them broke, the next would see."""
    from tests.conftest import _made, _url

    with _made(server_url, f"{seeded}_texts", seeded) as name:
        settings = Settings(
            database_url=_url(server_url, name), state_dir=state_root, demo=True, auth="off", _env_file=None
        )
        async with open_services(settings, sandbox) as services:
            app = create(settings)
            app.state.context.services = services
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                yield client, settings


def rows(settings: Settings) -> int:
    """Of everything that was seeded."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM role_prompts) + (SELECT count(*) FROM phase_configurations)"
            " + (SELECT count(*) FROM projects) + (SELECT count(*) FROM model_profiles)"
        ).fetchone()
    assert counted is not None
    return int(counted[0])


@pytest.mark.abuse(57, 64)
@pytest.mark.parametrize("text", INJECTIONS)
async def test_a_text_in_a_filter_or_an_address_is_no_sql(
    stage: tuple[httpx.AsyncClient, Settings], text: str
) -> None:
    client, settings = stage
    before = rows(settings)
    for address in FILTERS:
        answered = await client.get(address.format(quote(text, safe="")))
        assert answered.status_code in (404, 422), (address, answered.status_code)
    assert rows(settings) == before > 0


@pytest.mark.abuse(57)
@pytest.mark.parametrize("text", INJECTIONS)
async def test_a_text_that_is_stored_comes_back_as_it_was_given(
    stage: tuple[httpx.AsyncClient, Settings], text: str
) -> None:
    client, settings = stage
    before = rows(settings)
    made = await client.post("/pipelines", json={"epic_description": text})
    assert made.status_code == 201
    assert (await client.get(made.headers["location"])).json()["epic_description"] == text
    assert rows(settings) == before
