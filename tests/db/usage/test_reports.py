"""What runs, phases, models and days cost, as the ledger has it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, update

from app.db import Database
from app.tables import PromptUsage
from app.usage import reports
from app.usage.cost import Cost
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens
from tests.db.scripted import Scripted, open_engine

SPENT = Tokens(input=100, cache_read=20, cache_write=30, output=10, thinking=4)


def record(run: UUID | None = None, phase: str = "pm", model: str = "qwen") -> CallRecord:
    return CallRecord(
        phase=phase,
        item="",
        round=0,
        step=0,
        backend="ollama",
        profile="local",
        model=model,
        role=phase,
        prompt_digest="a" * 64,
        prompt_version=1,
        request_digest="b" * 64,
        pipeline_id=run,
    )


def usd(amount: str | None) -> Cost:
    return Cost(None if amount is None else Decimal(amount), "list 1")


async def call(database: Database, made: CallRecord, cost: str | None, *, settle: bool = True) -> int:
    recorder = UsageRecorder(database)
    row = await recorder.open(made, tokens=5000, cost=usd(cost))
    if settle:
        await recorder.settle(row, made, Settlement("ok", SPENT, usd(cost)))
    return row


async def test_a_run_costs_what_its_calls_cost_by_class_and_in_dollars(database: Database) -> None:
    async with open_engine(database) as engine:
        run = await engine.create(Scripted())
        await call(database, record(run.id), "0.25")
        await call(database, record(run.id, "qa"), "0.5")
        await call(database, record(), "9")
        async with database.transaction() as session:
            bill = await reports.total(session, run.id)
            phases = await reports.by_phase(session, run.id)
            everything = await reports.total(session)
    assert (bill.calls, bill.cost_usd, bill.open, bill.unpriced) == (2, Decimal("0.75"), 0, 0)
    assert bill.tokens == SPENT + SPENT
    assert [(each.label, each.cost_usd) for each in phases] == [
        ("pm", Decimal("0.25")),
        ("qa", Decimal("0.5")),
    ]
    assert everything.cost_usd == Decimal("9.75")


async def test_a_call_without_a_reply_counts_with_its_reservation(database: Database) -> None:
    await call(database, record(), "0.25", settle=False)
    await call(database, record(), "0.5")
    async with database.transaction() as session:
        bill = await reports.total(session)
    assert (bill.open, bill.cost_usd, bill.tokens.input) == (1, Decimal("0.75"), 5100)


async def test_calls_of_unknown_price_are_counted_and_never_cost_nothing(database: Database) -> None:
    await call(database, record(), None)
    await call(database, record(), None, settle=False)
    await call(database, record(), "0.5")
    async with database.transaction() as session:
        bill = await reports.total(session)
    assert (bill.unpriced, bill.cost_usd, bill.calls) == (2, Decimal("0.5"), 3)


async def test_an_empty_ledger_costs_nothing(database: Database) -> None:
    async with database.transaction() as session:
        bill = await reports.total(session)
        assert await reports.by_day(session, 30) == []
    assert (bill.calls, bill.cost_usd, bill.tokens) == (0, Decimal(0), Tokens())


async def test_days_and_models_have_bills_of_their_own_newest_first(database: Database) -> None:
    old = await call(database, record(model="old"), "1")
    ancient = await call(database, record(model="ancient"), "8")
    await call(database, record(model="new"), "2")
    async with database.transaction() as session:
        for row, days in ((old, 2), (ancient, 60)):
            ago = func.now() - timedelta(days=days)
            await session.execute(update(PromptUsage).where(PromptUsage.id == row).values(started_at=ago))
        days_ = await reports.by_day(session, 30)
        models = await reports.by_model(session, 30)
    assert [bill.cost_usd for bill in days_] == [Decimal(2), Decimal(1)]
    assert days_[0].label > days_[1].label
    assert [(bill.label, bill.cost_usd) for bill in models] == [
        ("ollama new", Decimal(2)),
        ("ollama old", Decimal(1)),
    ]


async def test_the_calls_of_a_run_are_listed_oldest_first(database: Database) -> None:
    async with open_engine(database) as engine:
        run = await engine.create(Scripted())
        made = [await call(database, record(run.id), "1") for _ in range(3)]
        async with database.transaction() as session:
            assert [row.id for row in await reports.calls(session, run.id)] == made
