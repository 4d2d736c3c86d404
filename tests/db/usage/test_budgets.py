"""What a budget lets through: reserved before, corrected after, never beyond the limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import event, func, select, text

from app.db import Database
from app.errors import Invalid, NotFound
from app.pipelines import invariants
from app.tables import Budget, Project, PromptUsage
from app.usage import budgets
from app.usage.budget import Allowance, BudgetExceeded, BudgetState, Defaults
from app.usage.cost import Cost
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens
from tests.db.scripted import Engine, Scripted, open_engine
from tests.db.usage.test_reports import record, usd

NOTHING = Defaults()
ONE_DOLLAR = Defaults(run=Allowance(usd=Decimal(1)))
TAKEN = Tokens(input=60, cache_read=20, cache_write=10, output=10)


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    async with open_engine(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def run(engine: Engine) -> UUID:
    return (await engine.create(Scripted())).id


async def opened(
    database: Database, made: CallRecord, cost: str | None, tokens: int = 1000, defaults: Defaults = NOTHING
) -> int:
    row = await UsageRecorder(database, defaults).open(made, tokens=tokens, cost=usd(cost))
    assert row is not None
    return row


async def settled(database: Database, row: int, made: CallRecord, cost: str | None) -> None:
    await UsageRecorder(database).settle(row, made, Settlement("ok", TAKEN, usd(cost)))


async def state(database: Database, name: str, defaults: Defaults = NOTHING) -> BudgetState:
    async with database.transaction() as session:
        return await budgets.state(session, name, defaults)


async def allow(database: Database, name: str, **limits: Any) -> BudgetState:
    async with database.transaction() as session:
        return await budgets.change(session, name, limits, NOTHING)


async def calls(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.execute(select(func.count()).select_from(PromptUsage))).scalar_one()


async def sound(database: Database) -> bool:
    """No invariant that is about money is broken."""
    found = {each.invariant for each in await invariants.check(database, repositories=False)}
    return "budgets cover the ledger" not in found


async def test_a_call_beyond_what_is_left_is_refused_and_leaves_no_trace(
    database: Database, run: UUID
) -> None:
    await opened(database, record(run), "0.7", defaults=ONE_DOLLAR)
    with pytest.raises(BudgetExceeded) as refused:
        await opened(database, record(run), "0.4", defaults=ONE_DOLLAR)
    details = refused.value.details
    assert (details["scope"], details["name"], details["unit"]) == ("run", f"run:{run}", "usd")
    figures = [Decimal(details[name]) for name in ("limit", "used", "wanted")]
    assert figures == [Decimal(1), Decimal("0.7"), Decimal("0.4")]
    assert f"workbench budgets set run:{run} --usd" in refused.value.message
    assert "Nothing was sent" in refused.value.message
    assert (await calls(database), (await state(database, f"run:{run}")).reserved_usd) == (1, Decimal("0.7"))


async def test_the_reservation_makes_room_once_the_answer_was_cheaper(database: Database, run: UUID) -> None:
    made = record(run)
    row = await opened(database, made, "0.9", defaults=ONE_DOLLAR)
    await settled(database, row, made, "0.2")
    found = await state(database, f"run:{run}", ONE_DOLLAR)
    assert (found.reserved_usd, found.spent_usd, found.left_usd) == (0, Decimal("0.2"), Decimal("0.8"))
    assert (found.reserved_tokens, found.spent_tokens) == (0, TAKEN.total)
    await opened(database, made, "0.8", defaults=ONE_DOLLAR)


async def test_a_reply_that_was_lost_stays_reserved(database: Database, run: UUID) -> None:
    made = record(run)
    row = await opened(database, made, "0.9", defaults=ONE_DOLLAR)
    with pytest.raises(BudgetExceeded):
        await opened(database, made, "0.2", defaults=ONE_DOLLAR)
    await UsageRecorder(database).settle(row, made, Settlement("deadline_exceeded", None, usd("0.9")))
    assert (await state(database, f"run:{run}")).reserved_usd == Decimal("0.9")
    assert await sound(database)


async def test_a_call_is_settled_once_in_a_budget_as_in_the_ledger(database: Database, run: UUID) -> None:
    made = record(run)
    row = await opened(database, made, "0.5", defaults=ONE_DOLLAR)
    for cost in ("0.3", "0.1"):
        await settled(database, row, made, cost)
    assert (await state(database, f"run:{run}")).spent_usd == Decimal("0.3")


async def test_a_local_model_is_never_held_up_by_dollars(database: Database, run: UUID) -> None:
    await allow(database, f"run:{run}", limit_usd=Decimal(0))
    await opened(database, record(run), "0", defaults=NOTHING)
    with pytest.raises(BudgetExceeded):
        await opened(database, record(run), "0.00000001")


async def test_tokens_hold_up_local_and_paid_models_alike(database: Database, run: UUID) -> None:
    defaults = Defaults(run=Allowance(tokens=1500))
    await opened(database, record(run), "0", 1000, defaults)
    with pytest.raises(BudgetExceeded, match=r"1,500 tokens; 0 are spent, 1,000 are reserved.*--tokens"):
        await opened(database, record(run), "0", 501, defaults)
    await opened(database, record(run), "0", 500, defaults)


async def test_an_unknown_price_is_refused_by_dollars_and_the_message_names_the_model(
    database: Database, run: UUID
) -> None:
    unknown = replace(record(run, model="claude-next"), backend="anthropic")
    with pytest.raises(BudgetExceeded, match="models price set anthropic claude-next") as refused:
        await opened(database, unknown, None, defaults=ONE_DOLLAR)
    assert refused.value.details["wanted"] is None
    row = await opened(database, unknown, None, defaults=Defaults(run=Allowance(tokens=10_000)))
    assert (await state(database, f"run:{run}")).unpriced == 1
    await settled(database, row, unknown, "0.1")
    assert (await state(database, f"run:{run}")).unpriced == 0


async def test_an_answer_that_is_given_again_takes_nothing(database: Database, run: UUID) -> None:
    made = record(run)
    row = await opened(database, made, "1", defaults=ONE_DOLLAR)
    await UsageRecorder(database, ONE_DOLLAR).cached(made, row, {})
    async with database.transaction() as session:
        again = (await session.scalars(select(PromptUsage).where(PromptUsage.cached_from == row))).one()
    assert (again.outcome, again.cost_usd, again.input_tokens, again.budgets) == ("ok", 0, 0, [])
    assert (await state(database, f"run:{run}")).reserved_usd == 1


async def test_a_day_has_one_budget_for_all_runs_and_for_calls_of_none(database: Database, run: UUID) -> None:
    defaults = Defaults(day=Allowance(usd=Decimal(1)))
    await opened(database, record(run), "0.5", defaults=defaults)
    await opened(database, record(), "0.5", defaults=defaults)
    with pytest.raises(
        BudgetExceeded, match=r"budget of the day \d{4}-\d\d-\d\d \(UTC\).*wait for the next day"
    ):
        await opened(database, record(), "0.1", defaults=defaults)


async def test_a_raised_limit_lets_the_next_try_go(database: Database, run: UUID) -> None:
    await opened(database, record(run), "1", defaults=ONE_DOLLAR)
    with pytest.raises(BudgetExceeded):
        await opened(database, record(run), "1", defaults=ONE_DOLLAR)
    await allow(database, f"run:{run}", limit_usd=Decimal(2))
    await opened(database, record(run), "1", defaults=ONE_DOLLAR)
    await allow(database, "run", limit_usd=Decimal(9))
    with pytest.raises(BudgetExceeded, match=r"this run is \$2\.00"):
        await opened(database, record(run), "1", defaults=ONE_DOLLAR)
    await allow(database, f"run:{run}", limit_usd=None)
    await opened(database, record(run), "1", defaults=ONE_DOLLAR)


async def test_a_row_for_every_day_counts_with_no_setting_and_no_restart(database: Database) -> None:
    await opened(database, record(), "3")
    await allow(database, "day", limit_usd=Decimal(4))
    with pytest.raises(BudgetExceeded, match=r"\$0.0000 are spent, \$3.0000 are reserved"):
        await opened(database, record(), "2")
    await opened(database, record(), "1")
    await allow(database, "day", limit_usd=None)
    await opened(database, record(), "5")


async def test_a_project_pays_for_all_its_runs_and_for_those_before_it_had_a_budget(
    engine: Engine, database: Database
) -> None:
    project = await a_project(database)
    runs = [(await engine.create(Scripted())).id for _ in range(2)]
    async with database.transaction() as session:
        await session.execute(text("UPDATE pipelines SET project_id = :id"), {"id": project})
    first, second = replace(record(runs[0]), project_id=project), record(runs[1])
    early = await opened(database, first, "0.4")
    await settled(database, await opened(database, second, "9"), second, "0.3")
    await allow(database, "project:shop", limit_usd=Decimal(1))
    with pytest.raises(BudgetExceeded, match="budget of project shop"):
        await opened(database, second, "0.5")
    await settled(database, early, first, "0.1")
    await opened(database, second, "0.5")
    found = await state(database, "project:shop")
    assert (found.spent_usd, found.reserved_usd) == (Decimal("0.4"), Decimal("0.5"))


async def a_project(database: Database) -> int:
    async with database.transaction() as session:
        row = Project(
            name="shop",
            path=str(Path("/nowhere")),
            test_command=["true"],
            protected_paths=[],
            permitted_paths=[],
        )
        session.add(row)
        await session.flush()
        return row.id


async def test_many_calls_at_once_never_go_beyond_any_limit(database: Database, engine: Engine) -> None:
    defaults = Defaults(run=Allowance(usd=Decimal(1)), day=Allowance(usd=Decimal("2.5"), tokens=24_000))
    runs = [(await engine.create(Scripted())).id for _ in range(4)]
    recorder = UsageRecorder(database, defaults)

    async def one(place: int) -> int:
        made = record(runs[place % len(runs)])
        try:
            row = await recorder.open(made, tokens=1000, cost=usd("0.1"))
        except BudgetExceeded:
            return 0
        if row is not None and place % 3:
            await recorder.settle(row, made, Settlement("ok", TAKEN, usd("0.1")))
        return 1

    went = sum(await asyncio.gather(*(one(place) for place in range(120))))
    async with database.transaction() as session:
        rows = (await session.scalars(select(Budget))).all()
    assert 20 <= went <= 25
    for row in rows:
        assert row.reserved_usd + row.spent_usd <= (1 if row.name.startswith("run") else Decimal("2.5"))
    assert sum(
        row.reserved_usd + row.spent_usd for row in rows if row.name.startswith("day")
    ) == went * Decimal("0.1")
    assert await sound(database)


@pytest.mark.parametrize("seed", range(6))
async def test_budgets_that_come_and_go_under_way_stay_with_the_ledger(
    database: Database, engine: Engine, seed: int
) -> None:
    """Limits are made, changed and taken away while calls begin and end."""
    draw = random.Random(seed)  # noqa: S311 - no secret hangs on it
    runs = [(await engine.create(Scripted())).id for _ in range(3)]

    async def call() -> None:
        made = record(draw.choice(runs))
        defaults = draw.choice([NOTHING, Defaults(run=Allowance(tokens=50_000))])
        try:
            row = await UsageRecorder(database, defaults).open(
                made, tokens=draw.randrange(900), cost=Cost(Decimal(draw.randrange(10**8)) / 10**8, "1")
            )
        except BudgetExceeded:
            return
        await asyncio.sleep(draw.random() / 50)
        if row is not None and draw.random() < 0.8:
            await settled(database, row, made, f"0.{draw.randrange(10**8):08}")

    async def edit() -> None:
        name = draw.choice(["run", "day", f"run:{draw.choice(runs)}"])
        await asyncio.sleep(draw.random() / 20)
        await allow(database, name, limit_usd=draw.choice([None, Decimal(5), Decimal(20)]))

    await asyncio.gather(*(draw.choice([call, call, call, edit])() for _ in range(80)))
    assert await sound(database)


async def test_without_a_budget_a_call_is_opened_and_settled_without_a_session(database: Database) -> None:
    made, sent = record(), []

    def note(*args: Any) -> None:
        sent.append(args[2])

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    row = await opened(database, made, "0.1")
    await settled(database, row, made, "0.1")
    assert sent == []


async def test_what_an_invariant_is_for_is_found(database: Database, run: UUID) -> None:
    await opened(database, record(run), "0.5", defaults=ONE_DOLLAR)
    assert await sound(database)
    async with database.transaction() as session:
        await session.execute(text("UPDATE budgets SET reserved_usd = 0.4"))
    assert not await sound(database)


@pytest.mark.parametrize("name", ["", "week", "run:1", "day:today", "project:", "day:", "run:x' OR 1=1"])
async def test_a_name_that_is_none_is_refused_with_the_forms_there_are(database: Database, name: str) -> None:
    with pytest.raises(Invalid, match="run, day, run:<id>"):
        await allow(database, name, limit_usd=Decimal(1))


async def test_a_budget_of_nobody_is_refused(database: Database) -> None:
    with pytest.raises(NotFound, match="no run"):
        await allow(database, "run:00000000-0000-0000-0000-000000000000", limit_usd=Decimal(1))
    with pytest.raises(NotFound, match="no project 'shop'"):
        await allow(database, "project:shop", limit_usd=Decimal(1))
