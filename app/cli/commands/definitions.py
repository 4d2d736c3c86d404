"""`definitions`: the phases of a pipeline and their order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(help="Read and change pipeline definitions.", no_args_is_help=True)


@group.command("list")
def list_definitions() -> None:
    """List the definitions and their phases."""
    from app.cli import defining

    defining.list_definitions()


@group.command("show")
def show(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a definition.")]) -> None:
    """Print a definition as YAML, in the form that `put` reads."""
    from app.cli import defining

    defining.show(name)


@group.command("put")
def put(file: Annotated[Path, typer.Argument(metavar="FILE", help="A definition as YAML.")]) -> None:
    """Check a definition and store it whole; the next run uses it."""
    from app.cli import defining

    defining.put(file)
