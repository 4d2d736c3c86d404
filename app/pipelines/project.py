"""The repository that a run works on, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.tables import MovedBase, TestAdapter
from app.workspace.gates.gate import GateSpec

JSON = Any
"""A plain JSON value."""


@dataclass(frozen=True)
class ProjectSpec:
    """The repository a run works on, as it is configured now."""

    id: int
    name: str
    path: str
    test_command: tuple[str, ...]
    python: str | None
    protected_paths: tuple[str, ...]
    permitted_paths: tuple[str, ...]
    test_adapter: TestAdapter
    setup_command: tuple[str, ...] | None
    sandbox: Mapping[str, JSON]
    gates: tuple[GateSpec, ...]
    """Looked up now, so a run under way minds a change of them."""
    push_to: str | None
    on_moved_base: MovedBase
    base_branch: str | None
