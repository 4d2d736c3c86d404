"""`destinations`: where a phase of kind `deliver` sends what it reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Say where runs may send artifacts.", no_args_is_help=True)


class MethodChoice(StrEnum):
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the destination.")]
Url = Annotated[str | None, typer.Option("--url", help="Where an HTTP request goes: https://…")]
Method = Annotated[MethodChoice | None, typer.Option("--method", help="Of the request.", show_default="POST")]
Header = Annotated[
    list[str] | None, typer.Option("--header", help="Header as 'Name: value'. Give it again for more.")
]
SecretHeader = Annotated[
    list[str] | None,
    typer.Option("--secret-header", help="Header as Name=VARIABLE of the worker's environment."),
]
Private = Annotated[
    bool | None,
    typer.Option("--allow-private/--no-private", help="The host may be here or in a private network."),
]
Command = Annotated[
    str | None,
    typer.Option("--command", help="Program by its absolute path, and arguments; no shell reads it."),
]
Variable = Annotated[
    list[str] | None,
    typer.Option("--variable", help="Variable of the worker's environment that the program gets."),
]
Timeout = Annotated[float | None, typer.Option("--timeout", min=0.1, max=3600, help="Seconds for all of it.")]
Live = Annotated[
    bool | None,
    typer.Option("--live/--dry-run", help="Send, or only write down.", show_default="--dry-run"),
]


@group.command("list")
def list_destinations(as_json: Json = False) -> None:
    """List the destinations and whether they send."""
    from app.cli import sending

    sending.list_destinations(as_json=as_json)


@group.command("show")
def show(name: Name) -> None:
    """Print a destination as JSON."""
    from app.cli import sending

    sending.show(name)


@group.command("add")
def add(
    name: Name,
    url: Url = None,
    method: Method = None,
    header: Header = None,
    secret_header: SecretHeader = None,
    allow_private: Private = None,
    command: Command = None,
    variable: Variable = None,
    timeout: Timeout = None,
    live: Live = None,
) -> None:
    """Check a destination, with --url or --command, and store it."""
    from app.cli import sending

    config = sending.config_of(
        url, method and method.value, header, secret_header, allow_private, command, variable, timeout
    )
    sending.add(name, config, live)


@group.command("edit")
def edit(
    name: Name,
    url: Url = None,
    method: Method = None,
    header: Header = None,
    secret_header: SecretHeader = None,
    allow_private: Private = None,
    command: Command = None,
    variable: Variable = None,
    timeout: Timeout = None,
    live: Live = None,
) -> None:
    """Change a destination; what is not given stays. Runs under way use it at once."""
    from app.cli import sending

    config = sending.config_of(
        url, method and method.value, header, secret_header, allow_private, command, variable, timeout
    )
    sending.edit(name, config, live)


@group.command("remove")
def remove(name: Name) -> None:
    """Remove a destination that no definition uses."""
    from app.cli import sending

    sending.remove(name)
