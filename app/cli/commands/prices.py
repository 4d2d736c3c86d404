"""`models price`: what models cost, where a person knows better than the price list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Show and change what models cost.", no_args_is_help=True)

BackendName = Annotated[str, typer.Argument(metavar="BACKEND", help="anthropic, openai, ollama, …")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model on its server.")]
Price = Annotated[float | None, typer.Option(min=0, max=10_000_000, help="US dollars per million tokens.")]


@group.command("list")
def list_prices(as_json: Json = False) -> None:
    """List the prices that people set; the others come from profiles and the price list."""
    from app.cli import pricing

    pricing.list_prices(as_json=as_json)


@group.command("set")
def set_price(
    backend: BackendName,
    model: ModelName,
    price: Annotated[
        float, typer.Option("--input", min=0, max=10_000_000, help="US dollars per million tokens.")
    ],
    output: Annotated[
        float, typer.Option("--output", min=0, max=10_000_000, help="US dollars per million tokens.")
    ],
    cache_read: Price = None,
    cache_write: Price = None,
    cache_write_1h: Annotated[
        float | None,
        typer.Option("--cache-write-1h", min=0, max=10_000_000, help="Of tokens that are kept for an hour."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC); default: from now on."),
    ] = None,
) -> None:
    """Set what a model costs; it goes before the profile's prices and the price list."""
    from app.cli import pricing

    given = {
        "input": price,
        "output": output,
        "cache_read": cache_read,
        "cache_write": cache_write,
        "cache_write_1h": cache_write_1h,
    }
    pricing.set_price(backend, model, given, since)


@group.command("remove")
def remove_price(backend: BackendName, model: ModelName) -> None:
    """Take the prices of a model away: the profile's prices and the price list count again."""
    from app.cli import pricing

    pricing.remove_price(backend, model)
