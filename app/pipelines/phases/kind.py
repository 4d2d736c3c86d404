"""What a phase kind is: code that runs one phase of one run and says how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.tables import Outcome

JSON = Any
"""A plain JSON value."""


@dataclass(frozen=True)
class ProjectSpec:
    """The repository a run works on, as it is configured now."""

    name: str
    path: str
    test_command: tuple[str, ...]
    python: str | None
    protected_paths: tuple[str, ...]
    permitted_paths: tuple[str, ...]


@dataclass(frozen=True)
class PhaseContext:
    """All that a phase may know."""

    pipeline_id: UUID
    phase_run_id: int
    fence: int
    epic_description: str
    snapshot: Snapshot
    spec: PhaseSpec
    round: int
    project: ProjectSpec | None
    base_commit: str | None
    artifacts: Mapping[str, JSON]
    """Name → body of the current version."""
    issues: tuple[Mapping[str, str], ...]
    """`source` and `text` of what the last rejection found."""
    progress: Callable[[str, JSON], Awaitable[None]]
    """Writes an event of the run: kind and data."""


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended. `artifact` is kept whatever the outcome."""

    outcome: Outcome
    artifact: JSON | None = None
    issues: tuple[Mapping[str, str], ...] = ()
    detail: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A phase configuration before it is saved."""

    name: str
    kind: str
    role: str | None
    artifact: str | None
    schema: str | None
    on_reject: str | None
    apply: str | None
    route: str | None


class PhaseKind(Protocol):
    """Runs phases of one kind. Raises `WorkbenchError` for a failure that ends the run."""

    async def run(self, context: PhaseContext) -> PhaseResult: ...

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        """Faults of a configuration, each as (field, what is wrong)."""
