"""When an Idempotency-Key is given back, and when not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from app.pipelines import store
from app.services import Services
from app.tables import IdempotentRequest
from tests.db.scripted import LIMIT_S

EPIC = {"epic_description": "Add health check endpoint"}
KEY = {"idempotency-key": "a-key"}


async def test_a_key_that_is_a_day_old_is_new_again(services: Services, api: httpx.AsyncClient) -> None:
    first = await api.post("/pipelines", json=EPIC, headers=KEY)
    async with services.database.transaction() as session:
        day = func.clock_timestamp() - timedelta(hours=25)
        await session.execute(update(IdempotentRequest).values(created_at=day))
    again = await api.post("/pipelines", json={"epic_description": "Another"}, headers=KEY)
    assert again.status_code == 201
    assert again.json()["pipeline_id"] != first.json()["pipeline_id"]


async def test_a_request_that_is_cut_off_keeps_its_key_because_it_may_have_been_done(
    services: Services, api: httpx.AsyncClient
) -> None:
    created = await api.post("/pipelines", json=EPIC)
    run = created.headers["location"]
    async with services.database.transaction() as session:
        await store.get(session, UUID(created.json()["pipeline_id"]), lock=True)  # the request waits for it
        cut_off = asyncio.create_task(api.post(f"{run}/run", headers=KEY))
        await _taken(services)
        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
    again = await api.post(f"{run}/run", headers=KEY)
    assert again.status_code == 409
    assert "look at what it made" in again.json()["detail"]


async def _taken(services: Services) -> None:
    """Until the request has its key."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with services.database.transaction() as session:
                if await session.scalar(select(IdempotentRequest.key)):
                    return
            await asyncio.sleep(0.02)
