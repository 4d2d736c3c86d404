"""How long what is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from app.settings import Settings


@dataclass(frozen=True)
class Policy:
    """Counted from the moment a run was finished. None: for ever."""

    history: timedelta | None
    """Events, earlier versions of artifacts, and the stored answers of models."""
    workspaces: timedelta | None


@dataclass(frozen=True)
class Pruned:
    """How much was removed, or would be."""

    runs: int = 0
    """Finished runs whose history is gone; the runs themselves are kept."""
    events: int = 0
    artifacts: int = 0
    """Earlier versions; the current ones are kept."""
    answers: int = 0
    """Answers of models that only a resumed run would have replayed."""
    requests: int = 0
    """Answers kept for an Idempotency-Key."""
    workspaces: int = 0
    temporary: int = 0
    """Temporary folders of processes that were killed."""
    bytes: int = 0
    """Of the files in those folders."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def policy_of(settings: Settings) -> Policy:
    return Policy(_days(settings.keep_history_days), _days(settings.keep_workspaces_days))


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)
