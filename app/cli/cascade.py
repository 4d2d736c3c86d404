"""The steps of a cascade in one word each: `claude`, `qwen3-14b,think=on`, `claude,on=truncated+refused`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import Invalid
from app.llm.request import ANY_FAILURE
from app.pipelines.route import NextProfile

NOTHING = "none"

Checked = TypeVar("Checked", bound=BaseModel)


def read_steps(given: Sequence[str]) -> list[dict[str, Any]]:
    """Raises `Invalid` for a step that can not be read."""
    return [] if list(given) == [NOTHING] else [_read(text) for text in given]


def step_text(step: NextProfile) -> str:
    """The step as it would be given."""
    fields = [step.profile]
    if step.think is not None:
        fields.append(f"think={step.think}")
    if step.on != ANY_FAILURE:
        fields.append(f"on={'+'.join(step.on)}")
    return ",".join(fields)


def checked(kind: type[Checked], values: Mapping[str, Any], what: str) -> Checked:
    """Raises `Invalid` that names the place of the first fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{what}: {place}: {first['msg']}", place=place) from None


def _read(text: str) -> dict[str, Any]:
    profile, *fields = text.split(",")
    step: dict[str, Any] = {"profile": profile}
    for field in fields:
        name, _, value = field.partition("=")
        step[name] = value.split("+") if name == "on" else value
    return checked(NextProfile, step, f"cascade {text!r}").model_dump(mode="json")
