"""Bills by what a person asks about, the latency of routes, and what was saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, text, update

from app.db import Database
from app.errors import Invalid, NotFound
from app.services import Services
from app.tables import PromptUsage
from app.usage import grouping, latency, savings
from app.usage.cost import Cost
from app.usage.grouping import By
from app.usage.recorder import Settlement, UsageRecorder
from app.usage.savings import Saving
from app.usage.tokens import Tokens
from tests.db.scripted import Scripted, open_engine
from tests.db.usage.test_reports import record

SPENT = Tokens(input=100, output=10)


async def call(
    database: Database, cost: str, tokens: Tokens = SPENT, seconds: float = 1, **fields: Any
) -> int:
    """A call that was settled, and took so long."""
    recorder, made, price = UsageRecorder(database), replace(record(), **fields), Cost(Decimal(cost), "1")
    row = await recorder.open(made, tokens=1000, cost=price)
    assert row is not None
    await recorder.settle(row, made, Settlement("ok", tokens, price))
    began = PromptUsage.settled_at - timedelta(seconds=seconds)
    async with database.transaction() as session:
        await session.execute(update(PromptUsage).where(PromptUsage.id == row).values(started_at=began))
    return row


async def bills(database: Database, group: By, days: int = 30) -> dict[str, Decimal]:
    async with database.transaction() as session:
        return {bill.label: bill.cost_usd for bill in await grouping.by(session, group, days)}


async def test_each_group_has_its_bill_and_the_dearest_comes_first(database: Database) -> None:
    await call(database, "1", phase="pm", item="", step=0, profile="a", route="light")
    await call(
        database, "2", phase="developer", item="api", step=1, profile="b", route="heavy", prompt_version=3
    )
    await call(database, "4", phase="developer", item="", role="developer", prompt_version=None)
    found = {group: await bills(database, group) for group in By}
    assert list(found[By.PHASE].items()) == [("developer", Decimal(6)), ("pm", Decimal(1))]
    assert list(found[By.ITEM]) == ["developer", "developer [api]", "pm"]
    assert "developer [api] round 0 step 1" in found[By.STEP]
    assert list(found[By.PROMPT]) == ["developer@aaaaaaaa", "pm@3", "pm@1"]
    assert list(found[By.ROUTE]) == ["-", "heavy", "light"]
    assert found[By.PROFILE] == {"local": Decimal(4), "b": Decimal(2), "a": Decimal(1)}
    assert found[By.RUN] == {"-": Decimal(7)}
    for group in By:
        assert sum(found[group].values()) == 7


async def test_calls_before_the_days_that_are_asked_for_are_left_out(database: Database) -> None:
    old = await call(database, "8")
    await call(database, "1")
    async with database.transaction() as session:
        ago = func.now() - timedelta(days=40)
        await session.execute(update(PromptUsage).where(PromptUsage.id == old).values(started_at=ago))
    assert await bills(database, By.PHASE) == {"pm": Decimal(1)}
    assert await bills(database, By.PHASE, days=60) == {"pm": Decimal(9)}


async def test_the_groups_of_one_run_stand_in_its_order(database: Database) -> None:
    async with open_engine(database) as engine:
        run = (await engine.create(Scripted())).id
        for phase, cost in (("pm", "1"), ("developer", "5"), ("pm", "1")):
            await call(database, cost, phase=phase, pipeline_id=run)
        await call(database, "9", phase="other")
        async with database.transaction() as session:
            found = await grouping.of_run(session, By.PHASE, run)
    assert [(bill.label, bill.cost_usd) for bill in found] == [("pm", Decimal(2)), ("developer", Decimal(5))]


async def test_answers_of_a_route_that_took_longer_than_it_allows_are_late(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text(PROFILE))
        await session.execute(text(ROUTE))
    for seconds in (1, 2, 3, 4, 100):
        await call(database, "0", seconds=seconds, route="light")
    await call(database, "0", seconds=50, route="gone")
    await call(database, "0", seconds=50)
    async with database.transaction() as session:
        gone, light = await latency.by_route(session, days=30)
    assert (light.route, light.answers, light.latency_s, light.late) == ("light", 5, 2.5, 3)
    assert (round(light.p50_s, 3), round(light.p95_s, 3)) == (3, 80.8)
    assert (gone.latency_s, gone.late) == (None, 0)


PROFILE = """
    INSERT INTO model_profiles (name, description, backend, model, context_tokens, max_output_tokens, think)
    VALUES ('p', '', 'ollama', 'm', 1, 1, 'off')
"""
ROUTE = "INSERT INTO routes (name, description, profile, latency_s) VALUES ('light', '', 'p', 2.5)"


async def test_what_local_models_and_caches_saved_is_reckoned_as_said(services: Services) -> None:
    database = services.database
    million = Tokens(input=500_000, cache_read=500_000, output=1_000_000)
    claude = {"backend": "anthropic", "model": "claude-sonnet-5-5"}
    await call(database, "0", million, backend="ollama", model="qwen")
    await call(database, "0", million, backend="recorded", model="recorded")
    await call(database, "0", Tokens(), backend="anthropic", model="claude-opus-5-5")
    first = await call(database, "0.3", Tokens(input=100_000, cache_read=1_000_000), **claude)
    for _ in range(2):
        await UsageRecorder(database).cached(replace(record(), **claude), first, {})
    haiku = {"backend": "anthropic", "model": "claude-haiku-5-5", "role": "architect"}
    await call(database, "0.06", Tokens(output=120_000, thinking=20_000), **haiku)
    local, provider, response, documents = await saved(services)
    assert (local.calls, local.tokens, local.usd) == (1, 2_000_000, Decimal(12))
    assert (provider.tokens, provider.usd) == (1_000_000, Decimal("1.9"))
    assert (response.calls, response.tokens, response.usd) == (2, 2_200_000, Decimal("0.6"))
    assert (documents.calls, documents.tokens, documents.usd) == (2, 418_000, Decimal("0.019"))
    assert all(each.method for each in (local, provider, response, documents))
    assert "claude (claude-sonnet-5-5)" in local.method


async def test_savings_are_compared_with_a_profile_that_exists_and_costs_something(
    services: Services,
) -> None:
    with pytest.raises(NotFound, match="no model profile 'nobody'"):
        await saved(services, "nobody")
    with pytest.raises(Invalid, match="costs nothing"):
        await saved(services, "ollama-code")


async def saved(services: Services, *compared_with: str) -> list[Saving]:
    async with services.database.transaction() as session:
        return await savings.savings(session, 30, *compared_with)
