"""Settings of a gate, or of a phase, read as the class that declares them, when saved and when used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import Invalid


class NoSettings(BaseModel):
    """Of a kind that takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Settings = TypeVar("Settings", bound=BaseModel)


def read(kind: type[Settings], given: Mapping[str, Any]) -> Settings:
    """Raises `Invalid` that names the field."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("settings", *first["loc"]))
        raise Invalid(f"{place}: {first['msg'].removeprefix('Value error, ')}", place=place) from error


def faults(kind: type[BaseModel], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The first fault as (field, what is wrong), for a kind of phase that lists them."""
    try:
        read(kind, given)
    except Invalid as error:
        place = str(error.details["place"])
        return [(place, error.message.removeprefix(f"{place}: "))]
    return []
