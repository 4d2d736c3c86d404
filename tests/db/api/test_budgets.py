"""Budgets, prices and usage over REST."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from app.services import Services
from app.usage.cost import Cost
from app.usage.recorder import Settlement, UsageRecorder
from app.usage.tokens import Tokens
from tests.db.usage.test_grouping import call
from tests.db.usage.test_reports import record


async def test_a_budget_is_set_shown_and_taken_away(api: httpx.AsyncClient) -> None:
    every = (await api.get("/budgets")).json()
    assert [(each["name"], each["limit_usd"], each["limit_tokens"]) for each in every] == [
        ("run", None, None),
        ("day", None, None),
    ]
    written = await api.put("/budgets/project:sample", json={"limit_usd": "2.50", "limit_tokens": 1000})
    assert written.status_code == 200
    assert written.json() == {
        "name": "project:sample",
        "limit_usd": "2.500000",
        "reserved_usd": "0.00000000",
        "spent_usd": "0.00000000",
        "left_usd": "2.50000000",
        "limit_tokens": 1000,
        "reserved_tokens": 0,
        "spent_tokens": 0,
        "left_tokens": 1000,
        "unpriced": 0,
        "is_edited": True,
    }
    assert (await api.get("/budgets/project:sample")).json() == written.json()
    emptied = (await api.put("/budgets/project:sample", json={})).json()
    assert (emptied["limit_usd"], emptied["left_usd"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("day", {"limit_usd": -1}, 422),
        ("day", {"limit_usd": "NaN"}, 422),
        ("day", {"dollars": 1}, 422),
        ("week", {"limit_usd": 1}, 422),
        ("project:nobody", {"limit_usd": 1}, 404),
        ("run:00000000-0000-0000-0000-000000000000", {"limit_usd": 1}, 404),
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, name: str, body: dict[str, object], status: int
) -> None:
    assert (await api.put(f"/budgets/{name}", json=body)).status_code == status


async def test_no_price_is_set_by_seeding(api: httpx.AsyncClient) -> None:
    assert (await api.get("/prices")).json() == []


async def test_usage_is_grouped_by_what_is_asked_for(api: httpx.AsyncClient, services: Services) -> None:
    await call(services.database, "0.5", phase="pm", route="medium", seconds=9999)
    found = (await api.get("/usage", params={"by": "route"})).json()
    assert [(group["label"], group["cost_usd"]) for group in found["groups"]] == [("medium", "0.50000000")]
    assert [(each["route"], each["answers"]) for each in found["latency"]] == [("medium", 1)]
    assert (await api.get("/usage")).json()["latency"] == []
    assert (await api.get("/usage", params={"by": "weather"})).status_code == 422


async def test_savings_come_with_their_methods(api: httpx.AsyncClient) -> None:
    found = (await api.get("/usage/savings")).json()
    ways = ["local models", "providers' caches", "response cache", "JSON first"]
    assert [each["way"] for each in found] == ways
    assert all(each["method"] for each in found)
    assert (await api.get("/usage/savings", params={"compared_with": "nobody"})).status_code == 404


async def test_each_call_of_a_run_says_how_its_schema_was_asked_for_and_what_it_lost(
    api: httpx.AsyncClient, services: Services, pipeline: str
) -> None:
    run = UUID(pipeline.rpartition("/")[2])
    recorder, made = UsageRecorder(services.database), replace(record(run), mode="tool")
    row = await recorder.open(made, tokens=9, cost=Cost(Decimal(0), "local"))
    lost = ("$.title: minLength is not checked by the server",)
    settled = Settlement("ok", Tokens(output=1), Cost(Decimal(0), "local"), weakened=lost)
    await recorder.settle(row or 0, made, settled)
    [shown] = (await api.get(f"{pipeline}/usage")).json()["calls"]
    assert (shown["mode"], shown["weakened"]) == ("tool", list(lost))
