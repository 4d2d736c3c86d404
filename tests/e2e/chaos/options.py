"""What the chaos program is told, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How long and how hard."""

    runs: int = 1000
    workers: int = 3
    seed: int = 1
    without: str | None = None
    """A guard that is switched off."""
    fault_share: float = 0.35
    """Of the model's answers."""
    lease_s: float = 2.0
    pause_s: tuple[float, float] = (0.3, 1.0)
    """Between two faults."""
    restart_s: tuple[float, float] = (6.0, 12.0)
    """Between two stops of Postgres."""
    pace: float = 1.0
    """Both pauses are so many times longer."""
    stall_s: float = 90.0
    """Without any progress for so long, what is left is lost."""
    concurrency: int = 8
    """Runs that a worker walks at once."""
    root: Path = Path("/var/tmp")


@dataclass
class Figures:
    """Everything that was counted."""

    options: dict[str, Any]
    kills: int = 0
    kills_of_trees: int = 0
    freezes: int = 0
    freezes_at_checkpoints: int = 0
    sessions_terminated: int = 0
    postgres_stops: int = 0
    wake_ups_deleted: int = 0
    workers_started: int = 0
    duration_s: float = 0.0
    states: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    """Code of the error → runs."""
    lost: int = 0
    phase_runs: dict[str, int] = field(default_factory=dict)
    """Outcome → phase runs."""
    duplicated_artifacts: int = 0
    duplicated_commits: int = 0
    stale_writes_rejected: int = 0
    leases_found_lost: int = 0
    model_requests: int = 0
    model_faults: int = 0
    ledger_rows: int = 0
    ledger_open: int = 0
    repeated_calls: float = 0.0
    """Share of the requests for a step whose answer was received by an earlier worker, and lost."""
    recovery_p50_s: float | None = None
    recovery_p95_s: float | None = None
    left_temporary: int = 0
    stray_processes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.violations
