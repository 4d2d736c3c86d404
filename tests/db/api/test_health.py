"""Alive, ready, which version: over REST."""

from __future__ import annotations

import asyncio

import httpx
import psycopg
from psycopg import sql
from sqlalchemy import make_url, text

from app import __version__
from app.errors import Unavailable
from app.main import create
from app.services import Services
from app.workspace.sandbox.selftest import SelfTest

BASE = "http://127.0.0.1:8000"


async def test_livez_health_and_version_answer(api: httpx.AsyncClient) -> None:
    assert (await api.get("/livez")).json() == {"status": "alive"}
    assert (await api.get("/health")).json()["status"] == "ok"
    assert (await api.get("/version")).json()["version"] == __version__


async def test_a_service_with_no_worker_is_not_ready_and_says_why(api: httpx.AsyncClient) -> None:
    answered = await api.get("/readyz")
    assert answered.status_code == 503
    body = answered.json()
    assert body["status"] == "not ready"
    assert body["checks"]["worker"] == {"ok": False, "message": "0 alive"}
    assert body["checks"]["database"]["ok"]
    assert body["checks"]["migrations"]["ok"]


async def test_a_service_with_a_worker_is_ready_even_before_the_sandbox_was_tested(
    working_api: httpx.AsyncClient,
) -> None:
    while (answered := await working_api.get("/readyz")).status_code == 503:
        pass  # the worker reports itself first
    assert answered.json()["checks"]["sandbox"] == {"ok": None, "message": "being tested"}


async def test_a_database_that_is_behind_makes_it_unready(services: Services, api: httpx.AsyncClient) -> None:
    async with services.database.transaction() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    body = (await api.get("/readyz")).json()
    assert body["checks"]["migrations"] == {"ok": False, "message": "not at head: restart to migrate"}


async def test_a_database_that_is_gone_is_503_everywhere_and_names_no_address(
    services: Services, api: httpx.AsyncClient
) -> None:
    name = str(make_url(services.database.url).database)
    await _allow_connections(services, name, False)
    try:
        for path in ("/health", "/readyz", "/pipelines"):
            answered = await api.get(path)
            assert answered.status_code == 503, path
            assert name not in answered.text
        assert (await api.get("/livez")).status_code == 200
    finally:
        await _allow_connections(services, name, True)
    assert (await api.get("/health")).status_code == 200


async def test_what_stands_in_the_way_of_the_sandbox_is_told(services: Services) -> None:
    app = create(services.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = services
    app.state.context.probing = asyncio.create_task(_no_sandbox())
    await asyncio.wait({app.state.context.probing})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        body = (await client.get("/readyz")).json()
    assert body["checks"]["sandbox"] == {"ok": False, "message": "bubblewrap is missing: install it"}


async def test_a_process_that_stops_is_not_ready(services: Services) -> None:
    app = create(services.settings.model_copy(update={"auth": "off"}))
    app.state.context.services = services
    app.state.context.stopping.set()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        answered = await client.get("/readyz")
    assert answered.status_code == 503
    assert answered.json()["checks"]["stopping"] == {"ok": False, "message": "the process drains"}


async def _no_sandbox() -> SelfTest:
    raise Unavailable("bubblewrap is missing: install it")


async def _allow_connections(services: Services, name: str, allowed: bool) -> None:
    """Lock everybody out of the test's database, or let them in again."""
    server = make_url(services.database.url).set(database="postgres").render_as_string(hide_password=False)
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(statement.format(sql.Identifier(name), sql.SQL(str(allowed).lower())))
        if not allowed:
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            await connection.execute(ending, (name,))
