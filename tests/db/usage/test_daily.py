"""Reports over everything say what the ledger says, however much of it is added up already."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.db import Database
from app.tables import PromptUsage, UsageDay
from app.usage import daily, reports
from app.usage.cost import Cost
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.reports import Bill
from app.usage.tokens import Tokens
from tests.benchmarks import plans
from tests.benchmarks.plans import Watched

AGES_H = (0, 0.5, 2, 20, 30, 50, 75, 200)
"""How long ago a call began, in hours."""
MODELS = (("ollama", "qwen"), ("ollama", "llama"), ("anthropic", "claude"))
COLUMNS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "thinking_tokens")


OF_NO_RUN = CallRecord("a", "", 0, 0, "b", "p", "m", "r", "a" * 64, None, "a" * 64)


def drawn(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - no secret hangs on it


def a_call(random: Random, age_h: float | None = None) -> PromptUsage:
    """Settled or open, of known or of unknown price."""
    backend, model = random.choice(MODELS)
    is_open, price = random.random() < 0.3, random.choice([None, Decimal(random.randrange(10**8)) / 10**8])
    hours = random.choice(AGES_H) if age_h is None else age_h
    return PromptUsage(
        phase="a", item="", round=0, step=0, backend=backend, profile="p", model=model, role="r",
        prompt_digest="a" * 64, request_digest="a" * 64, price_version="1", reserved_usd=price,
        reserved_tokens=random.randrange(1000), outcome="open" if is_open else "ok",
        started_at=datetime.now(UTC) - timedelta(hours=hours),
        settled_at=None if is_open else func.now(), cost_usd=None if is_open else price,
        **({} if is_open else {name: random.randrange(1000) for name in COLUMNS}),
    )  # fmt: skip


async def add(database: Database, *calls: PromptUsage) -> None:
    for call in calls:  # one by one: their numbers are to be in their order
        async with database.transaction() as session:
            session.add(call)


async def settle_one(database: Database, random: Random) -> None:
    """A reply comes late."""
    async with database.transaction() as session:
        found = (await session.scalars(select(PromptUsage.id).where(PromptUsage.outcome == "open"))).all()
    if found:
        tokens, price = Tokens(*random.choices(range(1000), k=5)), random.choice([None, Decimal("0.5")])
        settlement = Settlement(random.choice(["ok", "overloaded"]), tokens, Cost(price, "1"))
        await UsageRecorder(database).settle(random.choice(found), OF_NO_RUN, settlement)


def bill(label: str, calls: Iterable[PromptUsage]) -> Bill:
    """By hand."""
    tokens, usd, count, unpriced, opened = Tokens(), Decimal(0), 0, 0, 0
    for call in calls:
        is_open = call.outcome == "open"
        price = call.reserved_usd if is_open else call.cost_usd
        tokens += (
            Tokens(call.reserved_tokens) if is_open else Tokens(*(getattr(call, c) or 0 for c in COLUMNS))
        )
        usd, count = usd + (price or 0), count + 1
        unpriced, opened = unpriced + (price is None), opened + is_open
    return Bill(label, count, tokens, usd, unpriced, opened)


def grouped(calls: Iterable[PromptUsage], label: Callable[[PromptUsage], str]) -> list[Bill]:
    """The group that has the newest call first."""
    groups: dict[str, list[PromptUsage]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: -call.id):
        groups[label(call)].append(call)
    return [bill(name, found) for name, found in groups.items()]


async def check(database: Database) -> None:
    """Every report, at one moment, against the rows of the ledger."""
    async with database.transaction() as session:
        ledger = (await session.scalars(select(PromptUsage))).all()
        now = (await session.execute(select(func.now()))).scalar_one()
        assert await reports.total(session) == bill("total", ledger)
        for days in (0, 1, 3, 30):
            first = (now - timedelta(days=days)).date()
            lately = [call for call in ledger if call.started_at.date() >= first]
            assert await reports.by_day(session, days) == grouped(
                lately, lambda c: f"{c.started_at:%Y-%m-%d}"
            )
            assert await reports.by_model(session, days) == grouped(
                lately, lambda c: f"{c.backend} {c.model}"
            )


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_to_the_ledger_reports_say_what_its_rows_say(
    database: Database, seed: int
) -> None:
    random = drawn(seed)
    for _ in range(12):
        match random.choice(["calls", "calls", "settle", "add up", "add up"]):
            case "calls":
                await add(database, *(a_call(random) for _ in range(random.randrange(12))))
            case "settle":
                await settle_one(database, random)
            case "add up":
                await daily.add_up(database, most=random.choice([3, 10, 1000]))
        await check(database)


async def test_what_is_added_up_is_no_longer_read_call_by_call(database: Database) -> None:
    random = drawn(1)
    await add(database, *(a_call(random, age_h=30) for _ in range(20)))
    async with database.transaction() as session:
        await session.execute(text(COPIES))
        await session.execute(text("ANALYZE pipeline_prompt_usage"))
    await daily.add_up(database)
    await check(database)
    watched = Watched(database.url)
    async with watched.transaction() as session:
        await reports.total(session)
        await reports.by_day(session, 30)
        await reports.by_model(session, 30)
    found = await plans.explained(watched.url, watched.sent)
    await watched.close()
    assert not any("pipeline_prompt_usage" in plan.scanned for plan in found)


COPIES = """
    INSERT INTO pipeline_prompt_usage (phase, item, round, step, backend, profile, model, role, prompt_digest,
        request_digest, reserved_tokens, cost_usd, price_version, outcome, started_at, settled_at)
    SELECT 'a', '', 0, 0, 'ollama', 'p', 'qwen', 'r', repeat('a', 64), repeat('a', 64), 1, 0.25, '1', 'ok',
        now() - interval '2 days', now()
    FROM generate_series(1, 20000)
"""


async def test_a_reply_that_comes_after_its_day_was_added_up_is_not_lost(database: Database) -> None:
    random = drawn(2)
    await add(database, *(a_call(random, age_h=50) for _ in range(30)))
    assert await daily.add_up(database) > 0
    for _ in range(10):
        await settle_one(database, random)
        await check(database)
    await daily.add_up(database)
    await check(database)


async def test_a_call_whose_time_lies_before_what_was_added_up_counts(database: Database) -> None:
    random = drawn(3)
    await add(database, *(a_call(random, age_h=5) for _ in range(10)))
    await daily.add_up(database)
    await add(database, *(a_call(random, age_h=200) for _ in range(10)))
    await check(database)
    await daily.add_up(database)
    await check(database)


async def test_the_calls_of_the_last_hour_wait_and_so_does_what_comes_after_them(database: Database) -> None:
    random = drawn(4)
    await add(database, *(a_call(random, age_h=age_h) for age_h in (0, 2, 2, 2)))
    assert await daily.add_up(database) == 0
    await check(database)


async def test_workers_that_add_up_at_once_count_every_call_once(database: Database) -> None:
    random = drawn(5)
    await add(database, *(a_call(random, age_h=30) for _ in range(60)))
    await asyncio.gather(*(daily.add_up(database, most=7) for _ in range(4)))
    await daily.add_up(database)
    await check(database)


async def test_without_the_sums_the_ledger_is_read_and_they_are_made_again(database: Database) -> None:
    random = drawn(6)
    await add(database, *(a_call(random, age_h=30) for _ in range(20)))
    await daily.add_up(database)
    before = await everything(database)
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM usage_days"))
    await check(database)
    await daily.add_up(database)
    assert await everything(database) == before


async def everything(database: Database) -> list[Any]:
    async with database.transaction() as session:
        key = (UsageDay.day, UsageDay.backend, UsageDay.model)
        return list(await session.execute(select(UsageDay.__table__).order_by(*key)))
