"""A prompt as a value: two template texts and the names they may use."""

from __future__ import annotations

from dataclasses import dataclass

from app.digests import digest


@dataclass(frozen=True)
class Prompt:
    """One version of one role's prompt."""

    role: str
    system: str
    """The stable prefix; providers cache it."""
    task: str
    """The part that changes with every call."""
    variables: tuple[str, ...]
    version: int | None = None
    """None: the text comes from a file."""

    @property
    def digest(self) -> str:
        """SHA-256 of both parts."""
        return digest({"system": self.system, "task": self.task})
