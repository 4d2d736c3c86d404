"""`diff`, `apply`, `discard` and `push`: what becomes of the change that a run made."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json, Run


def diff(
    run: Run,
    stat: Annotated[bool, typer.Option("--stat", help="Only which files, and how many lines.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a run changes, before its commit and after. In a pipe: a patch that `git apply` takes."""
    from app.cli import changing

    changing.show_diff(run, stat=stat, as_json=as_json)


def apply(
    run: Run,
    index: Annotated[bool, typer.Option("--index", help="Stage the files too.")] = False,
    as_json: Json = False,
) -> None:
    """Put the change of a run into your working copy: all files, or none where one is in the way."""
    from app.cli import changing

    changing.apply(run, index=index, as_json=as_json)


def discard(
    run: Run,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the branch and the files of a finished run, unless somebody took them over."""
    from app.cli import changing

    changing.discard(run, yes=yes, as_json=as_json)


def push(run: Run, as_json: Json = False) -> None:
    """Push the branch of a run to the remote of its project; safe to repeat."""
    from app.cli import changing

    changing.push(run, as_json=as_json)
