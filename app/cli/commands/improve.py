"""`improve`, `improvements`, `scoreboard`, `estimate`: Workbench at work on a project, itself by default."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Backend, EscalateToPaid, FallBackToLocal, Json, Profile, leave

group = typer.Typer(help="Look at improvements, pause, resume and cancel them.", no_args_is_help=True)
Improvement = Annotated[
    str, typer.Argument(metavar="IMPROVEMENT", help="Id of an improvement, the head of it, or `last`.")
]
Definition = Annotated[str, typer.Option("--definition", help="Pipeline definition to run.")]
Project = Annotated[
    str, typer.Option("--project", help="Name of the project; `self` is the checkout this runs from.")
]


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount") from None
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter("an amount is 0 or more")
    return amount


def improve(
    goal: Annotated[
        str | None, typer.Argument(help="What is to become better; `@FILE` reads a file, `-` reads stdin.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="File with one epic per line, in place of a goal.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            min=1,
            max=1000,
            help="Steps towards the goal, or how many lines of the file.",
            show_default="1, or every line",
        ),
    ] = None,
    budget_usd: Annotated[
        Decimal | None,
        typer.Option(
            "--budget-usd", parser=_amount, metavar="USD", help="Stop once the runs have cost this."
        ),
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", min=1, help="Stop when all runs have taken so many.")
    ] = None,
    max_failures: Annotated[
        int, typer.Option("--max-failures", min=1, max=1000, help="Stop after so many failures in a row.")
    ] = 3,
    definition: Definition = "software",
    project: Project = "self",
    backend: Backend = None,
    profile: Profile = None,
    escalate_to_paid: EscalateToPaid = None,
    fall_back_to_local: FallBackToLocal = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only order it; workers of the database work on it.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="IMPROVEMENT", help="Go on with this one instead of a new one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Work on a project epic after epic, each on the last green commit; nothing red is committed.

    Exit codes: 0 every epic became a commit (or it is detached), 1 some failed or it had to stop, 2 wrong
    usage, 3 it was cancelled, paused or left.
    """
    from app.cli import improving
    from app.cli.improving import Wish

    if sum(given is not None for given in (goal, file, resume)) != 1:
        raise typer.BadParameter("give a goal, --from FILE, or --resume IMPROVEMENT", param_hint="GOAL")
    if resume is not None:
        leave(improving.resume(resume, as_json=as_json))
    wish = Wish(
        goal,
        file,
        count,
        budget_usd,
        budget_tokens,
        max_failures,
        definition,
        project,
        backend,
        profile,
        escalate_to_paid,
        fall_back_to_local,
    )
    leave(improving.run(wish, detach=detach, as_json=as_json))


@group.command("list")
def list_improvements(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the improvements, newest first."""
    from app.cli import improvements

    improvements.list_improvements(limit, as_json=as_json)


@group.command("show")
def show(improvement: Improvement, as_json: Json = False) -> None:
    """Show one: its conditions, its epics with their commits, its bill."""
    from app.cli import improvements

    improvements.show(improvement, as_json=as_json)


@group.command("pause")
def pause(improvement: Improvement) -> None:
    """Start no more epics; the one under way goes on to its end."""
    from app.cli import improvements

    improvements.control(improvement, "pause")


@group.command("resume")
def resume_(improvement: Improvement) -> None:
    """Let workers go on with a paused one; `improve --resume` works on it here."""
    from app.cli import improvements

    improvements.control(improvement, "resume")


@group.command("cancel")
def cancel(improvement: Improvement) -> None:
    """Start no more and ask the run under way to stop; what is committed stays."""
    from app.cli import improvements

    improvements.control(improvement, "cancel")


def scoreboard(
    project: Project = "self",
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="Today and so many before.")] = 30,
    tokens_before: Annotated[
        tuple[int, int],
        typer.Option("--tokens-before", metavar="LOW HIGH", help="Assumed: tokens of an epic by hand."),
    ] = (115_000, 160_000),
    premium_before: Annotated[
        tuple[float, float],
        typer.Option("--premium-before", metavar="LOW HIGH", help="Assumed: how much dearer a token was."),
    ] = (3.0, 5.0),
    bootstrap_usd: Annotated[
        Decimal,
        typer.Option("--bootstrap-usd", parser=_amount, metavar="USD", help="Assumed: what the start cost."),
    ] = Decimal(20),
    hours_before: Annotated[
        tuple[float, float],
        typer.Option("--hours-before", metavar="LOW HIGH", help="Assumed: hours of an epic by hand."),
    ] = (8.0, 12.0),
    as_json: Json = False,
) -> None:
    """Show how the epics of a project went, what they cost, and whether that pays."""
    from app.cli import scoring
    from app.pipelines.scoreboard.roi import Before

    before = Before(
        tokens_low=tokens_before[0],
        tokens_high=tokens_before[1],
        premium_low=Decimal(str(premium_before[0])),
        premium_high=Decimal(str(premium_before[1])),
        bootstrap_usd=bootstrap_usd,
        hours_low=hours_before[0],
        hours_high=hours_before[1],
    )
    scoring.show(project, days, before, as_json=as_json)


def estimate(
    epic: Annotated[str, typer.Argument(help="What is to be built; `@FILE` reads a file, `-` reads stdin.")],
    definition: Definition = "software",
    project: Annotated[
        str | None,
        typer.Option("--project", help="Name of the project.", show_default="the only one there is"),
    ] = None,
    backend: Backend = None,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Reckon the tokens and dollars of a run before it begins. No model is asked."""
    from app.cli import guessing

    guessing.show(epic, definition, project, backend, profile, as_json=as_json)
