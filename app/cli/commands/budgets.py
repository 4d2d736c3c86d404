"""`budgets`: what runs, days and projects may spend."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from app.cli.options import Json

MOST_USD = 10_000_000
MOST_TOKENS = 10**15

group = typer.Typer(help="Show and change what runs, days and projects may spend.", no_args_is_help=True)


@group.command("list")
def list_budgets(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one.")] = None,
    as_json: Json = False,
) -> None:
    """List the budgets: limit, reserved, spent, left."""
    from app.cli import budgeting

    budgeting.list_budgets(name, as_json=as_json)


@group.command("set")
def set_budget(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="run, day, run:<id>, day:<date> or project:<name>.")
    ],
    usd: Annotated[str | None, typer.Option("--usd", help="US dollars; none: no limit.")] = None,
    tokens: Annotated[str | None, typer.Option("--tokens", help="Tokens; none: no limit.")] = None,
) -> None:
    """Change the limits of a budget, or make it; the next call of every worker keeps to it."""
    from app.cli import budgeting

    limits = {
        "limit_usd": _amount(usd, "--usd", MOST_USD),
        "limit_tokens": _amount(tokens, "--tokens", MOST_TOKENS, whole=True),
    }
    given = {"limit_usd": usd, "limit_tokens": tokens}
    changes = {limit: value for limit, value in limits.items() if given[limit] is not None}
    if not changes:
        raise typer.BadParameter("give at least one of --usd, --tokens")
    budgeting.set_budget(name, changes)


def _amount(text: str | None, option: str, most: int, *, whole: bool = False) -> Decimal | int | None:
    if text is None or text == "none":
        return None
    try:
        amount = Decimal(text)
        fits = 0 <= amount <= most and (not whole or amount == int(amount))
    except InvalidOperation:
        raise typer.BadParameter(f"{option} takes a number or the word none, not {text!r}") from None
    if not fits:
        raise typer.BadParameter(
            f"{option} takes a {'whole ' if whole else ''}number up to {most:,}, not {text}"
        )
    return int(amount) if whole else amount
