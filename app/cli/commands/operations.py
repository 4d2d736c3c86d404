"""`serve`, `worker`, `seed`, `prune`, `cache`, `doctor` and `version`: look after the service."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json, Unsandboxed, leave


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to bind.", show_default="WORKBENCH_HOST")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Port; 0: any free one.", show_default="WORKBENCH_PORT"
        ),
    ] = None,
    unsandboxed: Unsandboxed = False,
) -> None:
    """Serve the API with one worker."""
    from app.cli import serving

    serving.serve(host, port)


def worker(unsandboxed: Unsandboxed = False) -> None:
    """Work on queued runs until SIGTERM or Ctrl-C; the phase under way is ended first."""
    from app.cli import serving

    serving.work()


def seed(as_json: Json = False) -> None:
    """Bring the database to the newest migration, and the seeds into it. Safe to repeat."""
    from app.cli import seeding

    seeding.seed_database(as_json=as_json)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what is no longer kept of finished runs, now; every worker does it once an hour."""
    from app.cli import pruning

    pruning.prune(dry_run=dry_run, as_json=as_json)


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Forget every cached answer.")] = False,
    days: Annotated[
        int, typer.Option("--days", min=1, max=3650, help="How far to look back for what it saved.")
    ] = 30,
    as_json: Json = False,
) -> None:
    """Show the answers that are kept to be given again, and what they saved."""
    from app.cli import caching

    if clear:
        caching.clear_cache(as_json=as_json)
    else:
        caching.show_cache(days, as_json=as_json)


def doctor(
    of_runs: Annotated[
        bool, typer.Option("--invariants", help="Look for runs that broke a promise of the service instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check all that Workbench needs, and say what to do about what is missing."""
    from app.cli import doctor

    leave(doctor.examine(as_json=as_json, of_runs=of_runs))


def version() -> None:
    """Print the version."""
    from app import __version__

    typer.echo(f"workbench {__version__}")
