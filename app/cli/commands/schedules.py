"""`schedules`: when which definition runs by itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Start runs at the times of a cron expression.", no_args_is_help=True)


class MissedChoice(StrEnum):
    """The policies of `app.tables.Missed`."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]
Cron = Annotated[
    str | None, typer.Option("--cron", help="Minute, hour, day of month, month, day of week: '0 9 * * 1-5'.")
]
Timezone = Annotated[
    str | None,
    typer.Option("--timezone", help="Whose clock, such as America/Los_Angeles.", show_default="UTC"),
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input", help="The epic of each run: a text, @FILE or -; {{ tick_date }} and others are filled in."
    ),
]
Definition = Annotated[
    str | None, typer.Option("--definition", help="Pipeline definition.", show_default="software")
]
Project = Annotated[str | None, typer.Option("--project", help="Name of a registered project.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Model profile that answers every phase.")]
Missed = Annotated[
    MissedChoice | None,
    typer.Option("--missed", help="Ticks that no worker saw: skip, once or all.", show_default="once"),
]


@group.command("list")
def list_schedules(as_json: Json = False) -> None:
    """List the schedules and when they come next."""
    from app.cli import scheduling

    scheduling.list_schedules(as_json=as_json)


@group.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show a schedule, its next times and what came of the last ones."""
    from app.cli import scheduling

    scheduling.show(name, as_json=as_json)


@group.command("add")
def add(
    name: Name,
    cron: Cron = None,
    timezone: Timezone = None,
    input_: Input = None,
    definition: Definition = None,
    project: Project = None,
    profile: Profile = None,
    missed: Missed = None,
) -> None:
    """Check a schedule and store it; --cron and --input are needed."""
    from app.cli import scheduling

    scheduling.add(name, _given(cron, timezone, input_, definition, project, profile, missed))


@group.command("edit")
def edit(
    name: Name,
    cron: Cron = None,
    timezone: Timezone = None,
    input_: Input = None,
    definition: Definition = None,
    project: Project = None,
    profile: Profile = None,
    missed: Missed = None,
) -> None:
    """Change a schedule; what is not given stays, and an empty --project or --profile takes it away."""
    from app.cli import scheduling

    scheduling.edit(name, _given(cron, timezone, input_, definition, project, profile, missed))


@group.command("pause")
def pause(name: Name) -> None:
    """Stop a schedule until it is resumed."""
    from app.cli import scheduling

    scheduling.pause(name)


@group.command("resume")
def resume(name: Name) -> None:
    """Go on with the next time from now; those that came in between are not made up."""
    from app.cli import scheduling

    scheduling.resume(name)


@group.command("run")
def run(name: Name) -> None:
    """Queue a run now; the schedule goes on as before."""
    from app.cli import scheduling

    scheduling.run(name)


@group.command("remove")
def remove(name: Name) -> None:
    """Remove a schedule; the runs that it started stay."""
    from app.cli import scheduling

    scheduling.remove(name)


def _given(
    cron: str | None,
    timezone: str | None,
    input_: str | None,
    definition: str | None,
    project: str | None,
    profile: str | None,
    missed: MissedChoice | None,
) -> dict[str, str]:
    """The fields that the options set; an empty text stands for none."""
    from app.cli.epic import read_epic

    values = {
        "cron": cron,
        "timezone": timezone,
        "input_template": None if input_ is None else read_epic(input_),
        "definition": definition,
        "project": project,
        "profile": profile,
        "missed": missed.value if missed else None,
    }
    return {field: value for field, value in values.items() if value is not None}
