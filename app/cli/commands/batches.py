"""`batch` and `batches`: one definition for many inputs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Backend, EscalateToPaid, FallBackToLocal, Json, Profile, leave

group = typer.Typer(help="Look at batches, control them and take their results.", no_args_is_help=True)
Batch = Annotated[str, typer.Argument(metavar="BATCH", help="Id of a batch, the head of it, or `last`.")]


class ItemChoice(StrEnum):
    """The states of `app.tables.ItemState`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


class FormatChoice(StrEnum):
    """The formats of `app.pipelines.batches.inputs`."""

    JSONL = "jsonl"
    CSV = "csv"


State = Annotated[ItemChoice | None, typer.Option("--state", help="Only items in this state.")]


def batch(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Inputs: `.jsonl` (a text or an object per line) or `.csv`; `-`: JSON lines on stdin."
        ),
    ] = None,
    definition: Annotated[str, typer.Option("--definition", help="Pipeline definition to run.")] = "software",
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="Column or key that holds the input.",
            show_default="epic_description or input, else all of it",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1000, help="Items that run at once, at most.")
    ] = 8,
    max_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, max=20, help="Runs of one item, at most.")
    ] = 3,
    repo: Annotated[
        Path | None, typer.Option("--repo", help="Git repository to work on.", show_default="this folder")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Name of the project; registered if it is new.")
    ] = None,
    backend: Backend = None,
    profile: Profile = None,
    escalate_to_paid: EscalateToPaid = None,
    fall_back_to_local: FallBackToLocal = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the results here at the end: `.jsonl` or `.csv`.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only create the batch; workers of the database work on it.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="BATCH", help="Go on with this batch instead of a new one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a definition for every input of a file, a few at a time.

    Exit codes: 0 every item succeeded (or the batch is detached), 1 there are dead letters, 2 wrong usage,
    3 the batch was cancelled, paused or left.
    """
    from app.cli import batching
    from app.cli.batching import BatchOrder

    if (file is None) == (resume is None):
        raise typer.BadParameter("give a file, or --resume BATCH", param_hint="FILE")
    if detach and (resume is not None or out is not None):
        raise typer.BadParameter("--detach goes with a new batch and without --out")
    if resume is not None:
        leave(batching.resume(resume, out, as_json=as_json))
    order = BatchOrder(
        file or Path("-"),
        definition,
        column,
        concurrency,
        max_attempts,
        repo,
        project,
        backend,
        profile,
        escalate_to_paid,
        fall_back_to_local,
    )
    leave(batching.run(order, out, detach=detach, as_json=as_json))


@group.command("list")
def list_batches(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the batches, newest first."""
    from app.cli import batches

    batches.list_batches(limit, as_json=as_json)


@group.command("show")
def show(batch: Batch, as_json: Json = False) -> None:
    """Show one batch: its counts, rate, bill and first dead letters."""
    from app.cli import batches

    batches.show(batch, as_json=as_json)


@group.command("results")
def results(
    batch: Batch,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write: `.jsonl` or `.csv`.", show_default="stdout")
    ] = None,
    form: Annotated[
        FormatChoice | None,
        typer.Option("--format", help="What to write.", show_default="the file's, or jsonl"),
    ] = None,
    state: State = None,
) -> None:
    """Write the results as JSON lines or CSV, in the order of the inputs."""
    from app.cli import batches

    batches.write_results(batch, out, form.value if form else None, state.value if state else None)


@group.command("retry")
def retry(batch: Batch) -> None:
    """Try the dead letters again, each as if it were new."""
    from app.cli import batches

    batches.control(batch, "retry")


@group.command("pause")
def pause(batch: Batch) -> None:
    """Start no more items; what runs goes on to its end."""
    from app.cli import batches

    batches.control(batch, "pause")


@group.command("resume")
def resume(batch: Batch) -> None:
    """Let workers go on with a paused batch; `batch --resume` works on it here."""
    from app.cli import batches

    batches.control(batch, "resume")


@group.command("cancel")
def cancel(batch: Batch) -> None:
    """End a batch; what runs is asked to stop."""
    from app.cli import batches

    batches.control(batch, "cancel")
