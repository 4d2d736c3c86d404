"""What all walks of a process work with, and how long they bear with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.db import Database
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.snapshots import Snapshots
from app.queue.announcer import Announcer


@dataclass(frozen=True)
class Patience:
    """How long a walk bears with others."""

    database_s: float = 60.0
    """A finished phase is kept for so long while the database is away."""
    drain_s: float = 30.0
    """A worker that is told to stop lets a phase go on for so long, then hands the run back as it was."""


@dataclass(frozen=True)
class Work:
    """What all walks of a process work with."""

    database: Database
    kinds: Mapping[str, PhaseKind]
    announcer: Announcer
    patience: Patience
    snapshots: Snapshots = field(default_factory=Snapshots)
