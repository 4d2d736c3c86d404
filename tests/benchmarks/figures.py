"""What was measured: figures with units, and the targets that some of them have."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """What a figure has to reach."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        return self._compare(operator.ge, value, self.at_least) and self._compare(
            operator.le, value, self.at_most
        )

    def __str__(self) -> str:
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"

    @staticmethod
    def _compare(holds: Callable[[float, float], bool], value: float, bound: float | None) -> bool:
        return bound is None or holds(value, bound)


@dataclass(frozen=True)
class Figure:
    """One number."""

    benchmark: str
    subject: str
    """What it is a figure of: a contender, or a query at a size."""
    name: str
    value: float
    unit: str
    target: Target | None = None

    def as_json(self) -> dict[str, Any]:
        body = asdict(self)
        if self.target is not None:
            body["met"] = self.target.is_met(self.value)
        return body
