"""Carries out `budgets`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.cli.person import person
from app.services import Services
from app.usage import budgets
from app.usage.budget import BudgetState, defaults_of

FIGURES = ("limit", "reserved", "spent", "left")


def list_budgets(name: str | None, *, as_json: bool) -> None:
    async def read(services: Services) -> list[BudgetState]:
        defaults = defaults_of(services.settings)
        async with services.database.transaction() as session:
            if name is not None:
                return [await budgets.state(session, name, defaults)]
            return await budgets.states(session, defaults)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_as_json(state) for state in found])
        return
    made = table("budget", "in", *FIGURES, right=FIGURES)
    for state in found:
        row(made, state.name, "dollars", *_dollars(state))
        row(made, "", "tokens", *_tokens(state))
    emit(stdout(), made)
    for state in found:
        if state.unpriced:
            say(stdout(), f"{state.name}: {state.unpriced} calls of unknown price are not in the dollars")


def set_budget(name: str, limits: Mapping[str, Decimal | int | None]) -> None:
    """None takes a limit away."""

    async def write(services: Services) -> BudgetState:
        defaults = defaults_of(services.settings)
        return await services.pipelines.change_budget(name, limits, defaults, person())

    state = with_services(read_settings(), write)
    limit_usd, limit_tokens = _dollars(state)[0], _tokens(state)[0]
    say(stdout(), f"{state.name} from the next call on: {limit_usd} dollars, {limit_tokens} tokens")


def _dollars(state: BudgetState) -> tuple[str, ...]:
    if state.name in ("run", "day"):
        return (_usd(state.limit_usd), "", "", "")
    spent = (_usd(amount) for amount in (state.reserved_usd, state.spent_usd))
    return (_usd(state.limit_usd), *spent, _usd(state.left_usd))


def _tokens(state: BudgetState) -> tuple[str, ...]:
    if state.name in ("run", "day"):
        return (_count(state.limit_tokens), "", "", "")
    taken = (_count(amount) for amount in (state.reserved_tokens, state.spent_tokens))
    return (_count(state.limit_tokens), *taken, _count(state.left_tokens))


def _usd(amount: Decimal | None) -> str:
    if amount is None:
        return "any"
    return f"{'-' if amount < 0 else ''}${abs(amount):,.4f}"


def _count(amount: int | None) -> str:
    return "any" if amount is None else f"{amount:,}"


def _as_json(state: BudgetState) -> dict[str, Any]:
    left = {"left_usd": state.left_usd, "left_tokens": state.left_tokens}
    values = asdict(state) | left
    return {
        name: format(value, "f") if isinstance(value, Decimal) else value for name, value in values.items()
    }
