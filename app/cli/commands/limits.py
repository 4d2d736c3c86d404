"""`limits`: how many model calls at once and a minute, across all workers."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json

MOST = 2_000_000_000

group = typer.Typer(help="Show and change the limits of model calls.", no_args_is_help=True)


@group.command("list")
def list_limits(as_json: Json = False) -> None:
    """List the limits, the calls in flight and those that wait."""
    from app.cli import limiting

    limiting.list_limits(as_json=as_json)


@group.command("set")
def set_limit(
    name: Annotated[str, typer.Argument(metavar="NAME", help="backend:… or profile:…")],
    max_concurrent: Annotated[
        int | None, typer.Option("--max-concurrent", min=0, max=MOST, help="Calls at once; 0: any.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option("--requests-per-minute", min=0, max=MOST, help="Calls a minute; 0: any.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens-per-minute", min=0, max=MOST, help="Tokens a minute; 0: any.")
    ] = None,
) -> None:
    """Change a limit, or make it; the next call of every worker keeps to it."""
    from app.cli import limiting

    given = {
        "max_concurrent": max_concurrent,
        "requests_per_minute": requests,
        "tokens_per_minute": tokens,
    }
    figures = {figure: value or None for figure, value in given.items() if value is not None}
    if not figures:
        raise typer.BadParameter(
            "give at least one of --max-concurrent, --requests-per-minute, --tokens-per-minute"
        )
    limiting.set_limit(name, figures)
