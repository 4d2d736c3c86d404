"""`pause`, `resume`, `cancel`, `retry` and `event`: tell a run what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json, Run, leave


def pause(run: Run, as_json: Json = False) -> None:
    """Stop a run before its next phase; a phase under way ends first."""
    from app.cli import controlling

    controlling.pause(run, as_json=as_json)


def resume(run: Run, as_json: Json = False) -> None:
    """Let the workers go on with a paused run, or take a pause back."""
    from app.cli import controlling

    controlling.resume(run, as_json=as_json)


def cancel(run: Run, as_json: Json = False) -> None:
    """End a run; a phase under way is stopped. Refused once the commit has begun."""
    from app.cli import controlling

    controlling.cancel(run, as_json=as_json)


def retry(
    run: Run,
    from_phase: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PHASE", help="First phase that runs again.", show_default="where it ended"
        ),
    ] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(
            "--artifact",
            metavar="NAME=@FILE",
            help="JSON in place of what a phase made; repeatable.",
        ),
    ] = None,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            "--inject", metavar="PATH=@FILE", help="A file in place of the code so far; repeatable."
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Run it here, or only create it.")] = True,
    as_json: Json = False,
) -> None:
    """Try a finished run again from a phase, as a new run with the earlier artifacts.

    Exit codes: as `run`.
    """
    from app.cli import working
    from app.cli.given_json import read_artifacts, read_code
    from app.cli.person import person
    from app.pipelines.retrying import Again

    artifacts = read_artifacts(artifact or ())
    if code := read_code(inject or ()):
        if "code" in artifacts:
            raise typer.BadParameter("choose one of --inject and --artifact code")
        artifacts["code"] = code
    again = Again(from_phase, artifacts, person())
    leave(working.retry(run, again, start=start, as_json=as_json))


def event(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the phase that waits for it.")],
    data: Annotated[
        str, typer.Option("--data", metavar="JSON|@FILE", help="What came with it: a JSON object.")
    ] = "{}",
    as_json: Json = False,
) -> None:
    """Tell a run what happened outside; once per name, also before it waits for it."""
    from app.cli import controlling
    from app.cli.given_json import read_object

    controlling.send_event(run, name, read_object(data, "the data"), as_json=as_json)
