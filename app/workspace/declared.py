"""Settings of a gate, or of a phase, read as the class that declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import Invalid

Settings = TypeVar("Settings", bound=BaseModel)


def read(kind: type[Settings], given: Mapping[str, Any]) -> Settings:
    """Raises `Invalid` that names the field."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("settings", *first["loc"]))
        raise Invalid(f"{place}: {first['msg'].removeprefix('Value error, ')}", place=place) from error
