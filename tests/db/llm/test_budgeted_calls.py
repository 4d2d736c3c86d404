"""Budgets in model calls: refused before anything is sent, and never beyond the limit."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from app.db import Database
from app.llm.request import ANY_FAILURE, Cascade, CascadeStep
from app.llm.types import Call
from app.usage import budgets
from app.usage.budget import Allowance, BudgetExceeded, BudgetState, Defaults
from tests.db.asking import GOOD, PAID, PROFILE, SPENT, Answering, Asking, request

CENT = Defaults(day=Allowance(usd=Decimal("0.01")))
"""No call of Claude fits, with the longest answer that it may give."""
THEN_LOCAL = Cascade(steps=(CascadeStep(PROFILE, ANY_FAILURE),), fall_back_to_local=True)


async def today(database: Database) -> BudgetState:
    async with database.transaction() as session:
        states = await budgets.states(session, Defaults())
    return next(state for state in states if state.name.startswith("day:"))


async def test_a_call_that_may_go_beyond_the_budget_is_not_sent(database: Database) -> None:
    claude = Answering(name="anthropic")
    asking = Asking(database, claude, budgets=CENT)
    with pytest.raises(BudgetExceeded, match=r"workbench budgets set day:.* --usd .* Nothing was sent"):
        await asking.ask(request(profile=PAID))
    assert (claude.calls, await asking.ledger()) == ([], [])


async def test_a_paid_model_of_unknown_price_is_not_asked_where_dollars_are_limited(
    database: Database,
) -> None:
    claude = Answering(name="anthropic")
    unheard_of = replace(PAID, model="claude-next")
    limited = Defaults(day=Allowance(usd=Decimal(1_000_000)))
    with pytest.raises(BudgetExceeded, match="models price set anthropic claude-next") as refused:
        await Asking(database, claude, budgets=limited).ask(request(profile=unheard_of))
    assert (claude.calls, refused.value.details["wanted"]) == ([], None)


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_free_model_goes_on_where_the_policy_lets_it(database: Database, allowed: bool) -> None:
    claude, local = Answering(name="anthropic"), Answering(GOOD)
    asking = Asking(database, claude, local, budgets=CENT)
    asked = request(profile=PAID, cascade=replace(THEN_LOCAL, fall_back_to_local=allowed))
    if not allowed:
        with pytest.raises(BudgetExceeded):
            await asking.ask(asked)
        return
    reply = await asking.ask(asked)
    assert (reply.profile, reply.reason, reply.cost_usd) == ("local", "budget_exceeded", 0)
    assert claude.calls == []


async def test_a_budget_of_tokens_stops_local_models_too(database: Database) -> None:
    claude, local = Answering(name="anthropic"), Answering()
    few = Defaults(day=Allowance(tokens=100))
    with pytest.raises(BudgetExceeded, match="tokens"):
        await Asking(database, claude, local, budgets=few).ask(request(profile=PAID, cascade=THEN_LOCAL))
    assert (claude.calls, local.calls) == ([], [])


async def test_a_day_is_one_budget_for_all_who_ask(database: Database) -> None:
    """Each call reserves its prompt and 8,192 tokens, and takes 110: two of them fit, one after the other."""
    enough = Defaults(day=Allowance(tokens=9_000))
    for _ in range(2):
        await Asking(database, Answering(GOOD), budgets=enough).ask(request())
    assert (await today(database)).spent_tokens == 2 * SPENT.total
    little = Defaults(day=Allowance(tokens=2 * SPENT.total))
    with pytest.raises(BudgetExceeded):
        await Asking(database, Answering(), budgets=little).ask(request())


async def test_a_call_that_is_cut_off_between_its_reservation_and_its_reply_stays_reserved(
    database: Database,
) -> None:
    """As after a kill: the reply may be billed, so the next call may not count on the money."""
    sent = asyncio.Event()

    async def never(call: Call) -> str:
        sent.set()
        await asyncio.Event().wait()
        return GOOD

    enough = Defaults(day=Allowance(tokens=9_000))
    asking = Asking(database, Answering(never), budgets=enough)
    killed = asyncio.create_task(asking.ask(request()))
    await sent.wait()
    killed.cancel()
    with suppress(asyncio.CancelledError):
        await killed
    [row] = await asking.ledger()
    state = await today(database)
    assert (row.outcome, state.reserved_tokens, state.spent_tokens) == ("open", row.reserved_tokens, 0)
    with pytest.raises(BudgetExceeded, match="reserved for calls without a reply"):
        await Asking(database, Answering(), budgets=enough).ask(request())
