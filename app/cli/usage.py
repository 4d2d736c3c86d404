"""Carries out `usage`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from app.cli.ending import money
from app.cli.find import find_run
from app.cli.lines import counted
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, explain, print_json, row, say, stdout, table
from app.cli.view import bill_json
from app.services import Services
from app.usage import grouping, latency, reports
from app.usage import savings as saving
from app.usage.grouping import By
from app.usage.latency import RouteLatency
from app.usage.reports import Bill
from app.usage.savings import Saving
from app.usage.tokens import Tokens

BAR = 24
"""Characters of the longest bar."""
EIGHTHS = " ▏▎▍▌▋▊▉"
FIGURES = ("calls", "tokens in", "cached", "tokens out", "cost")


@dataclass(frozen=True)
class _Shown:
    bills: list[Bill]
    total: Bill
    latency: list[RouteLatency]


def show_usage(run: str | None, days: int, by: str | None, *, as_json: bool) -> None:
    group = By(by) if by else By.PHASE if run is not None else By.MODEL

    async def read(services: Services) -> _Shown:
        run_id = await find_run(services, run) if run is not None else None
        async with services.database.transaction() as session:
            if run_id is not None:
                bills = await grouping.of_run(session, group, run_id)
                total = await reports.total(session, run_id)
            else:
                bills = await grouping.by(session, group, days)
                total = _sum(bills)
            within = {"pipeline_id": run_id} if run_id is not None else {"days": days}
            routes = await latency.by_route(session, **within) if group is By.ROUTE else []
            return _Shown(bills, total, routes)

    shown = with_services(read_settings(), read)
    if as_json:
        print_json(_as_json(group, shown))
    elif not shown.bills:
        say(stdout(), "no model was called" + ("" if run is not None else f" in the last {days} days"))
    else:
        _table(stdout(), group, shown.bills, shown.total)
        _latency(stdout(), shown.latency)


def show_savings(days: int, compared_with: str, *, as_json: bool) -> None:
    async def read(services: Services) -> list[Saving]:
        async with services.database.transaction() as session:
            return await saving.savings(session, days, compared_with)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([asdict(each) | {"usd": _plain(each.usd)} for each in found])
        return
    console, right = stdout(), ("calls", "tokens", "saved")
    made = table("saved by", *right, right=right)
    for each in found:
        usd = "unknown price" if each.usd is None else _dollars(each.usd)
        row(made, each.way, f"{each.calls:,}", f"{each.tokens:,}", usd)
    emit(console, made)
    console.print()
    for each in found:
        explain(console, (f"{each.way}: ", "bold"), each.method)


def _table(console: Console, group: By, bills: Sequence[Bill], total: Bill) -> None:
    """With bars of the cost, or of the tokens where nothing cost anything, on a terminal."""
    bars = console.is_terminal
    shares = _shares(bills)
    made = table(group.value, *FIGURES, *(["share"] if bars else []), right=FIGURES)
    for bill, share in [*zip(bills, shares, strict=True), (total, None)]:
        tokens = bill.tokens
        cells = (
            f"{bill.calls:,}",
            f"{tokens.total_input:,}",
            f"{tokens.cache_read:,}",
            f"{tokens.output:,}",
            money(bill),
        )
        row(made, bill.label, *cells, *([_bar(share)] if bars else []))
    emit(console, made)
    if len(bills) == grouping.MOST:
        say(console, f"the {grouping.MOST} that cost most; the total is of these")
    if total.open:
        say(console, f"{counted(total.open, 'call')} without a reply so far; counted with what was reserved")


def _latency(console: Console, found: Sequence[RouteLatency]) -> None:
    if not found:
        return
    console.print()
    right = ("answers", "p50", "p95", "allowed", "late")
    made = table("route", *right, right=right)
    for each in found:
        allowed = "any" if each.latency_s is None else f"{each.latency_s:g} s"
        late = Text(f"{each.late:,}", style="bold yellow" if each.late else "")
        row(
            made, each.route, f"{each.answers:,}", f"{each.p50_s:.2f} s", f"{each.p95_s:.2f} s", allowed, late
        )
    emit(console, made)


def _shares(bills: Sequence[Bill]) -> list[float]:
    """Of the largest."""
    amounts = [float(bill.cost_usd) for bill in bills]
    if not any(amounts):
        amounts = [float(bill.tokens.total) for bill in bills]
    most = max(amounts, default=0)
    return [amount / most if most else 0 for amount in amounts]


def _bar(share: float | None) -> Text:
    whole, rest = divmod(round((share or 0) * BAR * 8), 8)
    return Text(("█" * whole + EIGHTHS[rest]).rstrip(), style="cyan")


def _as_json(group: By, shown: _Shown) -> dict[str, Any]:
    return {
        "by": group.value,
        "bills": [bill_json(bill) for bill in shown.bills],
        "total": bill_json(shown.total),
        "latency": [asdict(each) for each in shown.latency],
    }


def _dollars(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.4f}"


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount.quantize(Decimal("0.000001")))


def _sum(bills: Sequence[Bill]) -> Bill:
    tokens = sum((bill.tokens for bill in bills), start=Tokens())
    cost = sum((bill.cost_usd for bill in bills), start=Decimal(0))
    calls, unpriced, opened = (
        sum(getattr(bill, name) for bill in bills) for name in ("calls", "unpriced", "open")
    )
    return Bill("total", calls, tokens, cost, unpriced, opened)
