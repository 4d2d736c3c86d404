"""What a person says of a price decides what the next call costs, and whether its profile is a paid one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.db import Database
from app.llm.errors import InvalidAnswer, OutOfCredit, Refused
from app.llm.request import ANY_FAILURE, Cascade, CascadeStep
from app.llm.types import Call
from app.usage import prices
from app.usage.prices import LOOK_S, PriceBook
from tests.db.asking import BAD, GOOD, PAID, PROFILE, SPENT, Answering, Asking, Clock, request


async def set_price(database: Database, backend: str, model: str, dollars: int) -> None:
    """Of a million tokens, in and out."""
    async with database.transaction() as session:
        values = {"input": Decimal(dollars), "output": Decimal(dollars)}
        await prices.put(session, backend, model, values, datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_price_that_is_set_is_what_the_next_call_costs(database: Database) -> None:
    clock = Clock()
    asking = Asking(database, Answering(GOOD, GOOD, GOOD), parts={"prices": PriceBook(database, clock)})
    assert (await asking.ask(request())).cost_usd == 0
    await set_price(database, "ollama", "qwen", 1)
    clock.now = LOOK_S  # every process has seen it by then
    assert (await asking.ask(request())).cost_usd == Decimal(SPENT.total) / 1_000_000
    before, after = await asking.ledger()
    assert (before.price_version, after.price_version) == ("local", "model_prices 2026-01-01")
    assert after.reserved_usd == Decimal(after.reserved_tokens) / 1_000_000


@pytest.mark.parametrize(("dollars", "is_asked"), [(1, False), (0, True)])
async def test_a_price_that_is_set_decides_whether_a_profile_is_a_paid_one(
    database: Database, dollars: int, is_asked: bool
) -> None:
    """From a free model to one that costs money now, without leave to escalate."""
    await set_price(database, "openai", PAID.model, dollars)
    other = replace(PAID, backend="openai")
    asking = Asking(
        database,
        Answering(BAD),
        Answering(GOOD, name="openai"),
        parts={"prices": PriceBook(database)},
    )
    asked = request(cascade=Cascade(steps=(CascadeStep(other, ANY_FAILURE),)), reasks=0)
    if is_asked:
        assert (await asking.ask(asked)).profile == "paid"
        return
    with pytest.raises(InvalidAnswer):
        await asking.ask(asked)


async def test_a_local_model_that_costs_money_now_may_answer_a_critical_question(database: Database) -> None:
    await set_price(database, "ollama", "qwen", 1)
    empty = Answering(OutOfCredit("empty"), name="anthropic")
    asking = Asking(database, empty, Answering(GOOD), parts={"prices": PriceBook(database)})
    cascade = Cascade(steps=(CascadeStep(PROFILE, ANY_FAILURE),), critical=True)
    assert (await asking.ask(request(profile=PAID, cascade=cascade))).profile == "local"


async def test_calls_that_begin_at_the_same_time_all_know_the_prices(database: Database) -> None:
    await set_price(database, "ollama", "qwen", 1)
    asking = Asking(database, parts={"prices": PriceBook(database)})
    assert all(await asyncio.gather(*(asking.caller.is_paid(PROFILE) for _ in range(3))))


async def test_what_a_call_costs_is_known_when_it_begins_and_needs_no_look_once_it_is_answered(
    database: Database,
) -> None:
    """Else an outage that begins while the model writes would lose an answer that is paid for."""
    clock = Clock()

    async def meanwhile(call: Call) -> str:
        await set_price(database, "ollama", "qwen", 9)
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE model_prices RENAME TO out_of_reach"))
        clock.now += LOOK_S
        return GOOD

    await set_price(database, "ollama", "qwen", 1)
    asking = Asking(database, Answering(meanwhile), parts={"prices": PriceBook(database, clock)})
    assert (await asking.ask(request())).cost_usd == Decimal(SPENT.total) / 1_000_000
    assert await asking.outcomes() == ["ok"]


async def test_a_failure_is_settled_by_the_prices_of_its_beginning_too(database: Database) -> None:
    clock = Clock()

    async def meanwhile(call: Call) -> str:
        clock.now += LOOK_S
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE model_prices RENAME TO out_of_reach"))
        raise Refused("no", tokens=SPENT)

    await set_price(database, "anthropic", PAID.model, 1)
    claude = Answering(meanwhile, name="anthropic")
    asking = Asking(database, claude, parts={"prices": PriceBook(database, clock)})
    with pytest.raises(Refused):
        await asking.ask(request(profile=PAID))
    [row] = await asking.ledger()
    assert (row.outcome, row.cost_usd) == ("refused", Decimal(SPENT.total) / 1_000_000)
