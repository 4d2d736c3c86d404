"""How long what is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from app.settings import Settings


@dataclass(frozen=True)
class Policy:
    """Counted from the moment a run or a batch was finished. None: for ever."""

    history: timedelta | None = None
    """Events, earlier versions of artifacts, stored answers of models, records of deliveries, and files."""
    workspaces: timedelta | None = None
    results: timedelta | None = None
    """Items of batches: the inputs, and which run each of them led to."""
    cache_bytes: int | None = None
    """What cached answers of models may take; each of them has an end of its own besides."""


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
    deliveries: int = 0
    """Records of what was sent; the receipts are artifacts, and kept."""
    files: int = 0
    """Screenshots of finished runs."""
    batches: int = 0
    """Finished batches whose items are gone; the batches themselves are kept."""
    items: int = 0
    requests: int = 0
    """Answers kept for an Idempotency-Key."""
    cached: int = 0
    """Answers of models that could have been given again."""
    slots: int = 0
    """Places within limits that processes held when they died."""
    workspaces: int = 0
    temporary: int = 0
    """Temporary folders of processes that were killed."""
    bytes: int = 0
    """Of the files in those folders."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def policy_of(settings: Settings) -> Policy:
    return Policy(
        history=_days(settings.keep_history_days),
        workspaces=_days(settings.keep_workspaces_days),
        results=_days(settings.keep_results_days),
        cache_bytes=cache_bytes(settings),
    )


def cache_bytes(settings: Settings) -> int:
    """What cached answers may take together: nothing once the cache is off."""
    return int(settings.response_cache_mb * 1e6) if settings.response_cache_hours else 0


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)
