"""`usage`: what models took and cost, how long they took, what was saved."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import Json


class Grouping(StrEnum):
    """The members of `app.usage.grouping.By`."""

    MODEL = "model"
    DAY = "day"
    RUN = "run"
    PHASE = "phase"
    ITEM = "item"
    STEP = "step"
    PROMPT = "prompt"
    ROUTE = "route"
    PROFILE = "profile"


def usage(
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="The bill of one run, by phase unless --by.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How far to look back.")] = 30,
    by: Annotated[
        Grouping | None,
        typer.Option("--by", help="One line per model (default), day (UTC), prompt version, route, …"),
    ] = None,
    savings: Annotated[
        bool, typer.Option("--savings", help="What local models and caches saved instead.")
    ] = False,
    compared_with: Annotated[
        str, typer.Option("--compared-with", metavar="PROFILE", help="What local models stand in for.")
    ] = "claude",
    as_json: Json = False,
) -> None:
    """Show calls, tokens and cost from the ledger."""
    from app.cli import usage as shown

    if savings:
        if run is not None or by is not None:
            raise typer.BadParameter("--savings goes with --days and --compared-with only")
        shown.show_savings(days, compared_with, as_json=as_json)
    else:
        shown.show_usage(run, days, by.value if by else None, as_json=as_json)
