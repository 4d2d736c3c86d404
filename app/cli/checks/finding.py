"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    name: str
    level: Level
    message: str
    remedy: str = ""
    """What to do; empty: nothing."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Figures for `--json`."""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "level": self.level.value,
            "message": self.message,
            "remedy": self.remedy or None,
            **self.facts,
        }


def ok(name: str, message: str, **facts: Any) -> Finding:
    return Finding(name, Level.OK, message, facts=facts)


def warn(name: str, message: str, remedy: str, **facts: Any) -> Finding:
    return Finding(name, Level.WARN, message, remedy, facts)


def fail(name: str, message: str, remedy: str, **facts: Any) -> Finding:
    return Finding(name, Level.FAIL, message, remedy, facts)
