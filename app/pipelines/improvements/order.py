"""What is to be improved, and when that stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.errors import Invalid, TooLarge, WorkbenchError
from app.pipelines.projects import SELF
from app.pipelines.service import check_epic
from app.pipelines.snapshot import PolicyDraft

MAX_COUNT = 1_000
MAX_FAILURES = 3
MAX_GOAL_CHARS = 10_000
"""A step is told of the goal and of the steps before it, and an epic has its limit."""


@dataclass(frozen=True)
class ImprovementOrder:
    """Either a goal, which is worked on in `count` steps, or a list of epics, of which `count` are done."""

    goal: str | None = None
    epics: tuple[str, ...] = ()
    count: int | None = None
    """None: one step towards the goal, or every epic of the list."""
    project: str = SELF
    definition: str = "software"
    profile: str | None = None
    policy: PolicyDraft | None = None
    max_usd: Decimal | None = None
    """Of all runs together; None: only the budgets of runs and days limit it."""
    max_tokens: int | None = None
    max_failures: int = MAX_FAILURES
    """It stops after so many failures in a row."""

    @property
    def is_repeated(self) -> bool:
        return not self.epics and self.steps > 1

    @property
    def steps(self) -> int:
        if self.count is None:
            return len(self.epics) or 1
        return min(self.count, len(self.epics)) if self.epics else self.count

    def inputs(self) -> list[str]:
        """One for each run."""
        return list(self.epics[: self.steps]) if self.epics else [self.goal or ""] * self.steps


def check(order: ImprovementOrder) -> None:
    """Raises `Invalid` or `TooLarge` with the place of the first fault."""
    if (order.goal is None) == (not order.epics):
        raise Invalid("give a goal, or a list of epics", place="goal")
    if (order.count is not None and not 1 <= order.count <= MAX_COUNT) or len(order.epics) > MAX_COUNT:
        raise Invalid(f"an improvement has 1 to {MAX_COUNT:,} epics", place="count")
    if not 1 <= order.max_failures <= MAX_COUNT:
        raise Invalid(f"max_failures is 1 to {MAX_COUNT:,}", place="max_failures")
    if order.goal is not None and len(order.goal) > MAX_GOAL_CHARS:
        raise TooLarge(f"a goal has at most {MAX_GOAL_CHARS:,} characters", place="goal")
    for name in ("max_usd", "max_tokens"):
        if (given := getattr(order, name)) is not None and given <= 0:
            raise Invalid(f"{name} is more than 0: with nothing to spend nothing is done", place=name)
    for number, epic in enumerate(order.inputs(), 1):
        try:
            check_epic(epic)
        except WorkbenchError as error:
            raise type(error)(f"epic {number}: {error.message}", place=f"epics[{number - 1}]") from None


def epics_of(lines: Sequence[str]) -> tuple[str, ...]:
    """One epic for each line; empty ones and those that begin with `#` are left out."""
    stripped = (line.strip() for line in lines)
    return tuple(line for line in stripped if line and not line.startswith("#"))
