"""Settings of a phase that only its kind knows: checked when saved, read when run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import Invalid

T = TypeVar("T", bound=BaseModel)


class NoSettings(BaseModel):
    """Of a kind that takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def settings_of(model: type[T], given: Mapping[str, Any]) -> T:
    """Raises `Invalid` that names the field; a snapshot holds only what was checked."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        place, what = _first(error)
        raise Invalid(f"{place}: {what}", place=place) from error


def faults_of(model: type[BaseModel], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each fault as (field, what is wrong)."""
    try:
        model.model_validate(dict(given))
    except ValidationError as error:
        return [_first(error)]
    return []


def _first(error: ValidationError) -> tuple[str, str]:
    first = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in ("settings", *first["loc"])), first["msg"]
