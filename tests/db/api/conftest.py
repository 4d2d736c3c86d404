"""The real application over ASGI, on the services of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest_asyncio
from fastapi import FastAPI

from app import tokens
from app.main import create
from app.services import Services
from app.settings import Settings
from app.tables import TokenRole

BASE = "http://127.0.0.1:8000"
EPIC = {"epic_description": "Add health check endpoint"}
Serve = Callable[..., httpx.AsyncClient]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Opens a client of the application on given services."""
    async with AsyncExitStack() as stack:

        def open_client(services: Services, **changes: object) -> httpx.AsyncClient:
            app = application(services, **changes)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, timeout=60)
            stack.push_async_callback(client.aclose)
            return client

        yield open_client


@pytest_asyncio.fixture
async def api(services: Services, serve: Serve) -> httpx.AsyncClient:
    """Authentication off, and no worker."""
    return serve(services, auth="off")


@pytest_asyncio.fixture
async def working_api(worker: Services, serve: Serve) -> httpx.AsyncClient:
    """Authentication off, and one worker at work."""
    return serve(worker, auth="off")


@pytest_asyncio.fixture
async def secured(services: Services, serve: Serve) -> httpx.AsyncClient:
    """Authentication on, no token sent."""
    return serve(services)


@pytest_asyncio.fixture
async def bearer(services: Services) -> Callable[[TokenRole], dict[str, str]]:
    """The header of a fresh token of each role."""
    texts = {}
    async with services.database.transaction() as session:
        for role in TokenRole:
            _, texts[role] = await tokens.create(session, f"{role} of the test", role)
    return lambda role: {"authorization": f"Bearer {texts[role]}"}


@pytest_asyncio.fixture
async def pipeline(api: httpx.AsyncClient) -> str:
    """The path of a run that was created."""
    created = await api.post("/pipelines", json=EPIC)
    return created.headers["location"]


def application(services: Services, **changes: object) -> FastAPI:
    """The production application without its lifespan: the test brings the services."""
    settings: Settings = services.settings.model_copy(update=changes)
    app = create(settings)
    app.state.context.services = services
    return app
