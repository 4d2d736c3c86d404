"""Idempotency-Key: sent twice, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from app.api.idempotency import UNDER_WAY
from app.services import Services
from app.tables import IdempotentRequest, Pipeline, TokenRole

EPIC = {"epic_description": "Add health check endpoint"}
KEY = {"idempotency-key": "a-key"}
Bearer = Callable[[TokenRole], dict[str, str]]


async def runs(services: Services) -> int:
    async with services.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Pipeline)) or 0


async def test_the_same_request_again_gets_the_same_answer(
    services: Services, api: httpx.AsyncClient
) -> None:
    first, again = [await api.post("/pipelines", json=EPIC, headers=KEY) for _ in range(2)]
    assert again.status_code == 201
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == "application/json"
    assert again.headers["idempotent-replayed"] == "true"
    assert await runs(services) == 1


async def test_another_request_with_the_key_is_refused(services: Services, api: httpx.AsyncClient) -> None:
    await api.post("/pipelines", json=EPIC, headers=KEY)
    other = await api.post("/pipelines", json={"epic_description": "Other"}, headers=KEY)
    assert other.status_code == 422
    assert other.json()["details"]["place"] == "Idempotency-Key"
    assert await runs(services) == 1


@pytest.mark.abuse(60)
async def test_two_at_the_same_time_make_one_run(services: Services, api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(api.post("/pipelines", json=EPIC, headers=KEY) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    assert await runs(services) == 1


async def test_a_request_that_was_refused_may_be_sent_again(
    services: Services, api: httpx.AsyncClient
) -> None:
    refused = await api.post("/pipelines", json=EPIC | {"definition": "later"}, headers=KEY)
    assert refused.status_code == 404
    small = (await api.get("/definitions/software-small")).json()
    await api.put("/definitions/later", json=small | {"name": "later"})
    again = await api.post("/pipelines", json=EPIC | {"definition": "later"}, headers=KEY)
    assert again.status_code == 201


async def test_an_advance_that_is_sent_twice_runs_one_phase(working_api: httpx.AsyncClient) -> None:
    path = (await working_api.post("/pipelines", json=EPIC)).headers["location"]
    first, again = [await working_api.post(f"{path}/advance", headers=KEY) for _ in range(2)]
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    body = (await working_api.get(path)).json()
    assert sum(len(phase["runs"]) for phase in body["phases"]) == 1


async def test_a_request_whose_process_died_is_not_done_again(
    services: Services, api: httpx.AsyncClient
) -> None:
    await api.post("/pipelines", json=EPIC, headers=KEY)
    async with services.database.transaction() as session:
        await session.execute(update(IdempotentRequest).values(status=UNDER_WAY))
    unclear = await api.post("/pipelines", json=EPIC, headers=KEY)
    assert unclear.status_code == 409
    assert await runs(services) == 1


async def test_keys_of_different_callers_do_not_meet(
    services: Services, secured: httpx.AsyncClient, bearer: Bearer
) -> None:
    for role in (TokenRole.OPERATOR, TokenRole.ADMIN):
        made = await secured.post("/pipelines", json=EPIC, headers=KEY | bearer(role))
        assert made.status_code == 201
    assert await runs(services) == 2


async def test_a_key_that_is_none_is_refused(services: Services, api: httpx.AsyncClient) -> None:
    for key in ("", "a b", "x" * 201):
        assert (await api.post("/pipelines", json=EPIC, headers={"idempotency-key": key})).status_code == 422
    assert await runs(services) == 0


async def test_answers_are_forgotten_after_a_day(services: Services, api: httpx.AsyncClient) -> None:
    for key, age in (("old", timedelta(hours=25)), ("young", timedelta(hours=23))):
        await api.post("/pipelines", json=EPIC, headers={"idempotency-key": key})
        async with services.database.transaction() as session:
            await session.execute(
                update(IdempotentRequest)
                .where(IdempotentRequest.key == key)
                .values(created_at=func.clock_timestamp() - age)
            )
    await services.pruner.prune()
    async with services.database.transaction() as session:
        assert list(await session.scalars(select(IdempotentRequest.key))) == ["young"]


async def test_the_text_of_a_token_is_not_kept_for_a_second_answer(api: httpx.AsyncClient) -> None:
    refused = await api.post("/tokens", json={"name": "ci", "role": "viewer"}, headers=KEY)
    assert refused.status_code == 422
    assert (await api.get("/tokens")).json() == []
