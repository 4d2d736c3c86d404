"""`prompts`: versions of the role prompts, and the labels that point at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Read, add and release versions of the role prompts.", no_args_is_help=True)
Role = Annotated[str, typer.Argument(metavar="ROLE", help="Role, such as pm or developer.")]


@group.command("list")
def list_prompts(as_json: Json = False) -> None:
    """List the roles, their newest version and their labels."""
    from app.cli import prompting

    prompting.list_prompts(as_json=as_json)


@group.command("show")
def show(
    role: Role,
    version: Annotated[
        int | None, typer.Option("--version", help="Version to show.", show_default="the production one")
    ] = None,
) -> None:
    """Print a prompt in the form that `add` reads."""
    from app.cli import prompting

    prompting.show(role, version)


@group.command("add")
def add(
    role: Role,
    file: Annotated[Path, typer.Option("--file", help="The prompt, in the form that `show` prints.")],
    message: Annotated[str, typer.Option("--message", "-m", help="Why this version exists.")],
    label: Annotated[
        str | None, typer.Option("--label", help="Point this label at it, such as production.")
    ] = None,
) -> None:
    """Check a prompt and store it as the next version of its role."""
    from app.cli import prompting

    prompting.add(role, file, message, label)


@group.command("label")
def label(
    role: Role,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="production, candidate or a name of yours.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Number of the version.")],
) -> None:
    """Point a label at a version; the next run uses what `production` points at."""
    from app.cli import prompting

    prompting.move(role, label, version)


@group.command("diff")
def diff(
    role: Role,
    old: Annotated[int, typer.Argument(metavar="V1", help="Number of the older version.")],
    new: Annotated[int, typer.Argument(metavar="V2", help="Number of the newer version.")],
) -> None:
    """Show what changed from one version to another."""
    from app.cli import prompting

    prompting.diff(role, old, new)
