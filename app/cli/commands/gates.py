"""`gates`: what a change has to pass before it is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json, leave

group = typer.Typer(help="Show, change and try the gates of changes.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the gate.")]


@group.command("list")
def list_gates(as_json: Json = False) -> None:
    """List the gates and the files that they look at."""
    from app.cli import gating

    gating.list_gates(as_json=as_json)


@group.command("show")
def show(name: Name) -> None:
    """Print a gate as YAML, as `put` reads it."""
    from app.cli import gating

    gating.show(name)


@group.command("put")
def put(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML with name, kind, description, files.")],
) -> None:
    """Check a gate and store it, new or whole."""
    from app.cli import gating

    gating.put(file)


@group.command("remove")
def remove(name: Name) -> None:
    """Remove a gate that no project and no definition names."""
    from app.cli import gating

    gating.remove(name)


@group.command("check")
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Gates to try; none: those of the project."),
    ] = None,
    repo: Annotated[
        Path, typer.Option("--repo", help="Folder of the git repository.", show_default="this folder")
    ] = Path("."),
    commit: Annotated[
        str | None,
        typer.Option("--commit", help="Commit, branch or tag to look at.", show_default="the working copy"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run gates on every file of a repository and show what they find; ends with 0 if all pass."""
    from app.cli import gating

    leave(gating.check(names or [], repo, commit, as_json=as_json))
