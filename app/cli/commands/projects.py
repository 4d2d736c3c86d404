"""`projects`: the repositories that runs work on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json, Python, TestCommand

group = typer.Typer(help="Register and list the repositories that runs work on.", no_args_is_help=True)


@group.command("list")
def list_projects(as_json: Json = False) -> None:
    """List the projects."""
    from app.cli import registering

    registering.list_projects(as_json=as_json)


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    repo: Annotated[Path, typer.Option("--repo", help="Folder of the git repository.")] = Path(),
    base_branch: Annotated[
        str | None,
        typer.Option(
            "--base-branch", help="Branch that runs start from.", show_default="the checked out one"
        ),
    ] = None,
    test_command: TestCommand = None,
    python: Python = None,
) -> None:
    """Register a repository, or change a project; what is not given stays."""
    from app.cli import registering

    registering.add(name, repo, base_branch, test_command, python)
