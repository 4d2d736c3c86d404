"""`projects`: the repositories that runs work on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import AdapterChoice, Json, MovedBaseChoice, Python, TestCommand

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
    adapter: Annotated[
        AdapterChoice | None,
        typer.Option(
            "--adapter",
            help="What the test command is.",
            show_default="found out from the files, for a new project",
        ),
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option("--setup", help="Command that installs the dependencies into {environment}."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="NAME=VALUE", help="What its commands may use, like memory_mb=2048."),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option("--gate", help="Gate that every change has to pass. Give it again for more."),
    ] = None,
    push_to: Annotated[
        str | None,
        typer.Option("--push-to", help="Remote (https or ssh) that gets the branches of runs."),
    ] = None,
    on_moved_base: Annotated[
        MovedBaseChoice | None,
        typer.Option(
            "--on-moved-base",
            help="When the base went on meanwhile: keep the commit on the old one, or merge and test again.",
        ),
    ] = None,
) -> None:
    """Register a repository, or change a project; what is not given stays."""
    from app.cli import registering
    from app.cli.repository import given

    changes = given(
        test_command=test_command,
        python=python,
        setup=setup,
        limits=limit,
        base_branch=base_branch,
        protected_paths=protect or None,
        permitted_paths=permit or None,
        test_adapter=adapter,
        gates=gate or None,
        push_to=push_to,
        on_moved_base=on_moved_base,
    )
    registering.add(name, repo, changes)


@group.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")], as_json: Json = False
) -> None:
    """Show all that is configured for a project."""
    from app.cli import registering

    registering.show(name, as_json=as_json)
