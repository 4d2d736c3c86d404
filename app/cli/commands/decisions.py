"""`waits`, `approve` and `reject`: what people have to decide."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json, Run, leave

Sha256 = Annotated[
    str | None,
    typer.Option("--sha256", metavar="HEX", help="content_sha256 of what was looked at; `waits` shows it."),
]
Comment = Annotated[str | None, typer.Option("--comment", help="Why; kept with the decision.")]


def waits(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="All that this run asked for, decided or not."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only approval, access, budget or event.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what runs wait for, the longest first."""
    from app.cli import deciding

    deciding.list_waits(run, reason, as_json=as_json)


def approve(run: Run, sha256: Sha256 = None, comment: Comment = None, as_json: Json = False) -> None:
    """Grant what a run waits for. On a terminal it is shown first, and asked."""
    from app.cli import deciding

    leave(deciding.decide(run, granted=True, sha256=sha256, comment=comment, as_json=as_json))


def reject(run: Run, sha256: Sha256 = None, comment: Comment = None, as_json: Json = False) -> None:
    """Refuse what a run waits for: the work goes back with the comment, or the run fails."""
    from app.cli import deciding

    leave(deciding.decide(run, granted=False, sha256=sha256, comment=comment, as_json=as_json))
