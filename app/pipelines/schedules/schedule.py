"""A schedule as people write it, and what it must pass before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.db import Database
from app.errors import Invalid, NotFound, WorkbenchError
from app.pipelines import projects
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.schedules.cron import MAX_CHARS, Cron, parse
from app.pipelines.service import check_epic
from app.rendering.errors import TemplateError
from app.rendering.renderer import Renderer
from app.tables import Missed

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Other = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
VARIABLES = ("tick", "tick_date", "name", "number")
SOON = timedelta(days=5 * 366)
"""A schedule that has no tick in five years is taken for a mistake."""


class ScheduleDraft(BaseModel):
    """When, what, and what with ticks that nobody saw."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    cron: str = Field(max_length=MAX_CHARS)
    """Five fields: minute, hour, day of month, month, day of week."""
    timezone: str = Field("UTC", max_length=64)
    """Whose clock the fields mean, such as America/Los_Angeles."""
    definition: Name = "software"
    input_template: str = Field(max_length=64 * 1024)
    """Becomes the epic; it may use `tick`, `tick_date`, `name` and `number`."""
    project: Other | None = None
    """The repository to work on; null: the only one there is."""
    profile: Other | None = None
    """A model profile that answers every phase in place of the routes."""
    missed: Missed = Missed.ONCE
    """Ticks that came while no worker was there: `skip` them, run `once`, or run for `all`."""


def read(body: Mapping[str, Any]) -> ScheduleDraft:
    """A draft from what a person gave. Raises `Invalid` with the place of the first fault."""
    try:
        return ScheduleDraft.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"schedule: {place}: {first['msg']}", place=place) from None


@dataclass(frozen=True)
class Checks:
    """What a draft is checked against."""

    database: Database
    loader: ConfigurationLoader
    renderer: Renderer


async def check(draft: ScheduleDraft, checks: Checks) -> Cron:
    """When the draft ticks. Raises `Invalid` or `TemplateError` with the place of the first fault."""
    cron = parse(draft.cron, draft.timezone)
    if cron.after(datetime.now(UTC), SOON) is None:
        raise Invalid(f"{cron.expression!r} does not come within five years", place="cron")
    await _check_names(draft, checks)
    await _check_template(draft, checks.renderer)
    return cron


def values(name: str, number: int, tick: datetime, zone: Cron) -> dict[str, Any]:
    """What the input template of one tick may use."""
    local = tick.astimezone(zone.zone)
    return {
        "tick": local.isoformat(timespec="seconds"),
        "tick_date": local.date().isoformat(),
        "name": name,
        "number": number,
    }


async def epic_of(renderer: Renderer, template: str, variables: Mapping[str, Any]) -> str:
    """The input of one tick. Raises `TemplateError`, `Invalid`, `TooLarge`."""
    return check_epic(await renderer.render(template, variables, name="input_template"))


async def _check_names(draft: ScheduleDraft, checks: Checks) -> None:
    async with checks.database.transaction() as session:
        try:
            place = "definition"
            await checks.loader.load(session, draft.definition)
            if draft.profile is not None:
                place = "profile"
                await checks.loader.load(session, draft.definition, draft.profile)
            if draft.project is not None:
                place = "project"
                await projects.get(session, draft.project)
        except NotFound as error:
            raise Invalid(error.message, place=place) from error


async def _check_template(draft: ScheduleDraft, renderer: Renderer) -> None:
    cron = parse(draft.cron, draft.timezone)
    sample = values(draft.name, 1, datetime.now(UTC), cron)
    try:
        check_epic(await renderer.check(draft.input_template, sample, VARIABLES, name="input_template"))
    except TemplateError as error:
        details = {
            key: value for key, value in error.details.items() if key not in ("name", "line", "reason")
        }
        raise TemplateError(
            error.name, error.reason, error.line, **{**details, "place": "input_template"}
        ) from error
    except WorkbenchError as error:
        raise Invalid(f"the input template makes no epic: {error.message}", place="input_template") from error
