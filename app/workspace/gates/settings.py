"""Reads the settings of a gate as its kind declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import Invalid
from app.workspace.gates.gate import JSON


class GateSettings(BaseModel):
    """What a kind takes; without a field: nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=GateSettings)


def read(kind: type[S], given: Mapping[str, JSON]) -> S:
    """Raises `Invalid` that names the field."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("settings", *first["loc"]))
        raise Invalid(f"{place}: {first['msg']}", place=place) from error
