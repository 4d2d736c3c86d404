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


@group.command("setup")
def set_up(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
) -> None:
    """Run the set-up command of a project now, for the manifests of its branch; that permits it."""
    from app.cli import setting_up

    setting_up.set_up(name)


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo", help="Folder of the git repository.", show_default="this folder, for a new project"
        ),
    ] = None,
    base_branch: Annotated[
        str | None,
        typer.Option(
            "--base-branch", help="Branch that runs start from.", show_default="the checked out one"
        ),
    ] = None,
    test_command: TestCommand = None,
    python: Python = None,
    protect: Annotated[
        list[str] | None,
        typer.Option("--protect", help="Path or pattern that a run may not write. Give it again for more."),
    ] = None,
    permit: Annotated[
        list[str] | None,
        typer.Option("--permit", help="Control file that a run may write, such as pyproject.toml."),
    ] = None,
) -> None:
    """Register a repository, or change a project; what is not given stays."""
    from app.cli import registering
    from app.cli.repository import given

    changes = given(
        test_command=test_command, python=python, base_branch=base_branch, protect=protect, permit=permit
    )
    registering.add(name, repo, changes)
