"""Replies as plain JSON values, read without trust in their form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from app.llm.types import JSON


@runtime_checkable
class _Dumped(Protocol):
    def to_dict(self, *, warnings: bool) -> dict[str, JSON]: ...


def plain(event: object) -> JSON:
    """What an SDK made of one event, as the JSON it was made from."""
    return event.to_dict(warnings=False) if isinstance(event, _Dumped) else event


def at(value: JSON, *path: str | int) -> JSON:
    """The value at this place; None when any part of the way is not there."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def text_at(value: JSON, *path: str | int) -> str:
    """The text at this place; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def items_at(value: JSON, *path: str | int) -> list[JSON]:
    """The list at this place; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []
