"""`runs` and `show`: look at runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json, Run


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, newest first.")] = 20,
    state: Annotated[str | None, typer.Option("--state", help="Only runs in this state.")] = None,
    as_json: Json = False,
) -> None:
    """List the runs, newest first."""
    from app.cli import looking

    looking.list_runs(limit, state, as_json=as_json)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Two runs or more, as `show` takes them.")
    ],
    as_json: Json = False,
) -> None:
    """Put runs side by side: what each phase took, what was sent back and why, tokens and cost."""
    from app.cli import beside

    beside.compare(runs, as_json=as_json)


def show(
    run: Run,
    document: Annotated[
        str | None, typer.Option("--document", metavar="NAME", help="Print this document as Markdown.")
    ] = None,
    artifact: Annotated[
        str | None, typer.Option("--artifact", metavar="NAME", help="Print this artifact as JSON.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Print everything that happened, in order.")
    ] = False,
    save_files: Annotated[
        Path | None,
        typer.Option("--save-files", metavar="DIR", help="Write its screenshots to this folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one run: its phases, what they found, its commit, documents and bill."""
    from app.cli import looking

    if sum((document is not None, artifact is not None, events, save_files is not None or as_json)) > 1:
        raise typer.BadParameter("choose one of --document, --artifact, --events, --save-files and --json")
    looking.show_run(
        run,
        document=document,
        artifact=artifact,
        with_events=events,
        save_to=save_files,
        as_json=as_json,
    )
