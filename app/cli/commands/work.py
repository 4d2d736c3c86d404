"""`demo` and `run`: an epic becomes a commit, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import (
    Backend,
    EscalateToPaid,
    FallBackToLocal,
    Json,
    Profile,
    Python,
    TestCommand,
    Unsandboxed,
    leave,
)


def demo(backend: Backend = None, profile: Profile = None, as_json: Json = False) -> None:
    """Run the sample epic on the sample repository. Needs no key and no model."""
    from app.cli import working

    leave(working.demo(backend, profile, as_json=as_json))


def run(
    epic: Annotated[
        str | None, typer.Argument(help="What is to be built; `@FILE` reads a file, `-` reads stdin.")
    ] = None,
    repo: Annotated[
        Path | None, typer.Option("--repo", help="Git repository to work on.", show_default="this folder")
    ] = None,
    definition: Annotated[str, typer.Option("--definition", help="Pipeline definition to run.")] = "software",
    backend: Backend = None,
    profile: Profile = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Name of the project; registered if it is new.")
    ] = None,
    test_command: TestCommand = None,
    python: Python = None,
    escalate_to_paid: EscalateToPaid = None,
    fall_back_to_local: FallBackToLocal = None,
    step: Annotated[bool, typer.Option("--step", help="Run one phase, then pause.")] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with this run instead of a new one.")
    ] = None,
    unsandboxed: Unsandboxed = False,
    as_json: Json = False,
) -> None:
    """Turn an epic into a tested commit on a branch of its own.

    Exit codes: 0 succeeded (or paused as asked), 1 failed, 2 wrong usage, 3 cancelled.
    """
    from app.cli import working
    from app.cli.working import Order

    if (epic is None) == (resume is None):
        raise typer.BadParameter("give an epic, or --resume RUN", param_hint="EPIC")
    if resume is not None:
        leave(working.resume(resume, step=step, as_json=as_json))
    order = Order(
        epic or "",
        repo,
        definition,
        backend,
        profile,
        project,
        test_command,
        python,
        escalate_to_paid,
        fall_back_to_local,
    )
    leave(working.run(order, step=step, as_json=as_json))
