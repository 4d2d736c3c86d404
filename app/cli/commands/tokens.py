"""`token`: who may use the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Make, list and revoke the bearer tokens of the API.", no_args_is_help=True)


class RoleChoice(StrEnum):
    """The roles of `app.tables.TokenRole`; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AUTHOR = "author"
    ADMIN = "admin"


@group.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will use it.")],
    role: Annotated[RoleChoice, typer.Option("--role", help="What it may do.")] = RoleChoice.OPERATOR,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="Lifetime.", show_default="for ever")
    ] = None,
) -> None:
    """Make a token. Its text is printed once and stored nowhere."""
    from app.cli import tokens

    tokens.create(name, role.value, days)


@group.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List the tokens; their text is not known."""
    from app.cli import tokens

    tokens.list_tokens(as_json=as_json)


@group.command("revoke")
def revoke(token: Annotated[int, typer.Argument(metavar="ID", help="Number from `token list`.")]) -> None:
    """End a token now."""
    from app.cli import tokens

    tokens.revoke(token)
