"""What a budget allows, and the error of a call that it does not allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from app.errors import WorkbenchError
from app.settings import Settings

Unit = Literal["usd", "tokens"]


@dataclass(frozen=True)
class Allowance:
    """None: any amount."""

    usd: Decimal | None = None
    tokens: int | None = None

    @property
    def is_any(self) -> bool:
        return self.usd is None and self.tokens is None


@dataclass(frozen=True)
class Defaults:
    """What every run and every day may take, by the settings; a row goes before it."""

    run: Allowance = field(default_factory=Allowance)
    day: Allowance = field(default_factory=Allowance)

    @property
    def is_any(self) -> bool:
        """Whether the settings limit nothing."""
        return self.run.is_any and self.day.is_any

    def of(self, scope: str) -> Allowance:
        return {"run": self.run, "day": self.day}.get(scope, Allowance())


class BudgetExceeded(WorkbenchError):
    """A call would go beyond a budget. Nothing was sent, nothing was reserved.

    The details: `scope`, `name`, `unit`, and as text `limit`, `used` and `wanted` (null: unknown price).
    """

    status = 402
    code = "budget_exceeded"


@dataclass(frozen=True)
class BudgetState:
    """A budget, with the limit that counts for it."""

    name: str
    """As people write it: `run`, `day`, `run:<id>`, `day:<date>`, `project:<name>`."""
    limit_usd: Decimal | None
    limit_tokens: int | None
    reserved_usd: Decimal = Decimal(0)
    """Of calls without a reply so far."""
    spent_usd: Decimal = Decimal(0)
    reserved_tokens: int = 0
    spent_tokens: int = 0
    unpriced: int = 0
    """Calls whose price is unknown: the dollars lack them."""
    is_edited: bool = False
    """A person set its limit; else it is that of the setting or of all runs or days."""

    @property
    def scope(self) -> str:
        return self.name.partition(":")[0]

    @property
    def left_usd(self) -> Decimal | None:
        """Below 0: a limit was lowered, or an answer took more than was reserved for it."""
        return None if self.limit_usd is None else self.limit_usd - self.spent_usd - self.reserved_usd

    @property
    def left_tokens(self) -> int | None:
        if self.limit_tokens is None:
            return None
        return self.limit_tokens - self.spent_tokens - self.reserved_tokens


def defaults_of(settings: Settings) -> Defaults:
    return Defaults(
        run=Allowance(settings.budget_usd_per_run, settings.budget_tokens_per_run),
        day=Allowance(settings.budget_usd_per_day, settings.budget_tokens_per_day),
    )


def refusal(
    state: BudgetState, model: str, backend: str, *, usd: Decimal | None, tokens: int
) -> BudgetExceeded:
    """Why a call that may take so much is not made, and what to do."""
    if state.limit_usd is not None and usd is None:
        return BudgetExceeded(
            f"{model} on {backend} has no known price, and {_whose(state)} is in dollars. Nothing was sent. "
            "Give it one, in US dollars per million tokens: "
            f"`workbench models price set {backend} {model} --input … --output …`.",
            **_details(state, "usd", state.limit_usd, state.limit_usd - (state.left_usd or 0), None),
        )
    if state.left_usd is not None and usd is not None and usd > max(state.left_usd, Decimal(0)):
        spent, reserved = f"${state.spent_usd:.4f}", f"${state.reserved_usd:.4f}"
        limit, wanted, unit = f"${state.limit_usd:.2f}", f"${usd:.4f}", "usd"
        details = _details(state, "usd", state.limit_usd, state.spent_usd + state.reserved_usd, usd)
    else:
        spent, reserved = f"{state.spent_tokens:,}", f"{state.reserved_tokens:,}"
        limit, wanted, unit = f"{state.limit_tokens or 0:,} tokens", f"{tokens:,} tokens", "tokens"
        used = state.spent_tokens + state.reserved_tokens
        details = _details(state, "tokens", state.limit_tokens, used, tokens)
    return BudgetExceeded(
        f"{_whose(state)} is {limit}; {spent} are spent, {reserved} are reserved for calls without a reply, "
        f"and a call of {model} may take {wanted}. Raise it: `workbench budgets set {state.name} --{unit} …`"
        f"{_instead(state, unit)}. Nothing was sent.",
        **details,
    )


def _whose(state: BudgetState) -> str:
    subject = state.name.partition(":")[2]
    match state.scope:
        case "run":
            return "the budget of this run"
        case "day":
            return f"the budget of the day {subject} (UTC)"
        case _:
            return f"the budget of project {subject}"


def _instead(state: BudgetState, unit: str) -> str:
    wait = "wait for the next day" if state.scope == "day" else ""
    local = "let a local model answer" if unit == "usd" else ""
    ways = " or ".join(way for way in (wait, local) if way)
    return f", {ways}" if ways else ""


def _details(
    state: BudgetState, unit: Unit, limit: object, used: object, wanted: object
) -> dict[str, str | None]:
    return {
        "scope": state.scope,
        "name": state.name,
        "unit": unit,
        "limit": str(limit),
        "used": str(used),
        "wanted": None if wanted is None else str(wanted),
    }
