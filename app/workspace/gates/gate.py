"""What a gate is: a check of a change before it is tested, and what it found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox

JSON = Any
"""A plain JSON value."""

FINDINGS = 20
"""More of one gate are counted, not kept."""

GateOutcome = Literal["passed", "failed", "missing"]
"""`missing`: the tool is not on this host, or the gate is not there any more. That never passes."""


@dataclass(frozen=True)
class GateSpec:
    """One gate as it is configured."""

    name: str
    kind: str
    files: tuple[str, ...]
    """Glob patterns of the paths it looks at; `*` also crosses slashes."""
    settings: Mapping[str, JSON] = field(default_factory=dict)

    def matching(self, paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(path for path in paths if any(fnmatchcase(path, pattern) for pattern in self.files))


@dataclass(frozen=True)
class Finding:
    """One thing that a gate found wrong."""

    message: str
    path: str | None = None
    line: int | None = None

    def as_text(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class Attachment:
    """A file that is no text, such as a screenshot."""

    name: str
    media_type: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def reference(self) -> dict[str, str]:
        """How an artifact names it."""
        return {"name": self.name, "media_type": self.media_type, "sha256": self.sha256}


@dataclass(frozen=True)
class GateResult:
    """What one gate said of one change."""

    name: str
    kind: str
    outcome: GateOutcome
    reason: str
    """One sentence for a person."""
    findings: tuple[Finding, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True)
class Change:
    """What a gate looks at."""

    root: Path
    """The workspace: the base commit with the files of the run over it. Only read."""
    paths: tuple[str, ...]
    """The changed files that the gate's patterns match."""


@dataclass(frozen=True)
class Bench:
    """What a gate works with."""

    sandbox: Sandbox
    limits: Limits
    python: Path | None
    """The project's interpreter; None: it has none."""
    env: Mapping[str, str] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    """Both lead to what the project's set-up command made."""

    def command(self, argv: Sequence[str]) -> Command:
        """`{python}` in `argv` stands for the interpreter."""
        return Command(tuple(argv), self.python, self.env, self.access)


class GateKind(Protocol):
    """Checks changes in one way; knows no run and no database."""

    def check(self, settings: Mapping[str, JSON]) -> None:
        """Raises `Invalid` that names the field."""

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        """Raises `SandboxUnavailable` where nothing can be run safely."""


def gate_of(row: Mapping[str, JSON]) -> GateSpec:
    """The gate of a row of the table."""
    return GateSpec(row["name"], row["kind"], tuple(row["files"]), row["settings"])


def removed(name: str) -> GateSpec:
    """Stands for a gate that is named and not there: it matches every change, and never passes."""
    return GateSpec(name, "", ("*",))
