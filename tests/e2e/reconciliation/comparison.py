"""Each request that the stub got beside the ledger row of its attempt: the bill, and what was written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import select

from app.db import Database
from app.tables import Budget, PromptUsage
from app.usage.cost import cost_of
from app.usage.tokens import Tokens
from tests.e2e.reconciliation.asker import PRICES
from tests.stub.scenarios import FAULTS, SHAPES
from tests.stub.server import Stub
from tests.stub.shapes import Shape, billed
from tests.stub.wires import prompt

MARK = re.compile(r"question \d{6} round \d+")


@dataclass(frozen=True)
class Line:
    """Sums of tokens and of dollars."""

    calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)

    def __add__(self, other: Line) -> Line:
        return Line(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)


@dataclass(frozen=True)
class Comparison:
    """What the stub billed, and what the ledger and the budget of the day have of it."""

    billed: Line
    received: Line
    """Billed for the attempts that the ledger has settled."""
    lost: Line
    """Billed for the attempts that the ledger has open: the reply, or the process, was lost."""
    settled: Line
    """In the ledger."""
    open: Line
    """In the ledger, with what was reserved."""
    budget: Line
    wrong: tuple[str, ...]
    """Attempts whose row is not what was billed, or reserved less than was billed."""


async def compare(database: Database, stub: Stub, scenarios: Sequence[str]) -> Comparison:
    """Attempts of one question follow one another, so rows and requests of a question have the same order.

    A process that is killed may leave one row more: what it reserved and did not send.
    """
    requests = _requests(stub, scenarios)
    received, lost, settled, opened, wrong = Line(), Line(), Line(), Line(), []
    async with database.transaction() as session:
        ledger = (await session.scalars(select(PromptUsage).order_by(PromptUsage.id))).all()
        day = (await session.scalars(select(Budget).where(Budget.name.like("day:%")))).all()
    rows: dict[str, list[PromptUsage]] = defaultdict(list)
    for row in ledger:
        rows[row.item].append(row)
    for mark in rows.keys() | requests.keys():
        bills = requests.get(mark, [])
        if not len(rows[mark]) - 1 <= len(bills) <= len(rows[mark]):
            wrong.append(f"{mark}: {len(bills)} requests, {len(rows[mark])} rows")
        for place, row in enumerate(rows[mark]):
            bill = _line(bills[place]) if place < len(bills) else Line()
            if row.outcome == "open":
                lost, kept = lost + bill, Line(1, row.reserved_tokens, row.reserved_usd or Decimal(0))
                opened += kept
                fits = kept.tokens >= bill.tokens and kept.usd >= bill.usd
            else:
                kept = Line(1, _taken(row).total, row.cost_usd or Decimal(0))
                received, settled = received + bill, settled + kept
                fits = place < len(bills) and _taken(row) == bills[place] and kept.usd == bill.usd
            if not fits:
                wrong.append(f"{mark}: attempt {place} ({row.outcome}) has {kept}, billed {bill}")
    budget = Line(
        len(ledger),
        sum(row.reserved_tokens + row.spent_tokens for row in day),
        sum((row.reserved_usd + row.spent_usd for row in day), start=Decimal(0)),
    )
    total = Line(len(stub.requests), stub.bill.total, received.usd + lost.usd)
    return Comparison(total, received, lost, settled, opened, budget, tuple(wrong))


def _requests(stub: Stub, scenarios: Sequence[str]) -> Mapping[str, list[Tokens]]:
    """What each request was billed, by its question and in the order in which it came."""
    found: dict[str, list[Tokens]] = defaultdict(list)
    for place, request in enumerate(stub.requests):
        text = prompt(request.body)
        scenario = scenarios[min(place, len(scenarios) - 1)]
        bill = Tokens() if scenario in FAULTS else billed(SHAPES.get(scenario, Shape()), text)
        bill = _told(stub.protocol, bill)
        mark = MARK.search(text)
        found[mark[0] if mark else "unknown"].append(bill)
    return found


def _told(protocol: str, bill: Tokens) -> Tokens:
    """What the wire says of it: Ollama knows no cached tokens, OpenAI none that are written."""
    match protocol:
        case "ollama":
            return Tokens(input=bill.total_input, output=bill.output)
        case "openai":
            return Tokens(bill.input + bill.cache_write, bill.cache_read, 0, bill.output, bill.thinking)
        case _:
            return bill


def _line(tokens: Tokens) -> Line:
    cost = cost_of(tokens, backend="anthropic", model="tiny", prices=PRICES, at=datetime.now(UTC))
    return Line(1, tokens.total, cost.usd or Decimal(0))


def _taken(row: PromptUsage) -> Tokens:
    return Tokens(
        row.input_tokens or 0,
        row.cache_read_tokens or 0,
        row.cache_write_tokens or 0,
        row.output_tokens or 0,
        row.thinking_tokens or 0,
    )
