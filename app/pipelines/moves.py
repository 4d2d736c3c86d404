"""Where a run goes after a phase: decided from values alone, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.pipelines.phases.kind import PhaseResult
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.tables import Asked, Outcome, State, Target


@dataclass(frozen=True)
class Standing:
    """Where a run is."""

    position: int
    """Index of the phase that is next, or under way."""
    round: int


@dataclass(frozen=True)
class Wishes:
    """What others want of the run besides its next phase."""

    target: Target = Target.END
    asked: Asked | None = None
    draining: bool = False


@dataclass(frozen=True)
class Move:
    """The state a run goes to, and where it stands then. `running`: its worker goes on."""

    state: State
    at: Standing
    reason: str | None = None
    error: Mapping[str, Any] | None = None

    @property
    def goes_on(self) -> bool:
        return self.state is State.RUNNING

    @property
    def event(self) -> tuple[str, dict[str, Any]] | None:
        """Kind and data of the event that tells of it; None while the run goes on."""
        match self.state:
            case State.RUNNING:
                return None
            case State.QUEUED:
                return "handed_back", {}
            case State.PAUSED | State.WAITING:
                return self.state.value, {"reason": self.reason}
            case _:
                return self.state.value, {"error": dict(self.error)} if self.error else {}


def after(snapshot: Snapshot, at: Standing, result: PhaseResult, rejections: int, wishes: Wishes) -> Move:
    """The move after the phase at `at`. `rejections` counts those of this phase, this result included."""
    if wishes.asked is Asked.CANCEL or result.outcome is Outcome.CANCELLED:
        return Move(State.CANCELLED, at)
    match result.outcome:
        case Outcome.PASSED if at.position + 1 == len(snapshot.phases):
            return Move(State.SUCCEEDED, Standing(at.position + 1, at.round))
        case Outcome.PASSED:
            return _onwards(Standing(at.position + 1, at.round), wishes)
        case Outcome.REJECTED | Outcome.SUSPECT:
            return _back(snapshot, at, result, rejections, wishes)
        case Outcome.WAITING if result.asks is not None:
            return Move(State.WAITING, at, result.asks.reason)
        case Outcome.ABANDONED if wishes.asked is Asked.PAUSE:
            return Move(State.PAUSED, at, "user")
        case Outcome.ABANDONED:
            return Move(State.QUEUED, at)
        case _:
            error = {"phase": snapshot.phases[at.position].name, **dict(result.detail)}
            return Move(State.FAILED, at, error=error)


def _onwards(to: Standing, wishes: Wishes) -> Move:
    """Go on, unless somebody wants the run to stop here."""
    if wishes.target is Target.STEP:
        return Move(State.PAUSED, to, "step")
    if wishes.asked is Asked.PAUSE:
        return Move(State.PAUSED, to, "user")
    return Move(State.QUEUED if wishes.draining else State.RUNNING, to)


def _back(snapshot: Snapshot, at: Standing, result: PhaseResult, rejections: int, wishes: Wishes) -> Move:
    spec = snapshot.phases[at.position]
    if spec.on_reject is None or rejections > spec.max_rework:
        return Move(State.FAILED, at, error=_exhausted(spec, result))
    return _onwards(Standing(snapshot.index(spec.on_reject), at.round + 1), wishes)


def _exhausted(spec: PhaseSpec, result: PhaseResult) -> dict[str, str]:
    found = "; ".join(issue["text"] for issue in result.issues)[:1000]
    times = "1 rework" if spec.max_rework == 1 else f"{spec.max_rework} reworks"
    again = f" after {times}" if spec.on_reject else ""
    return {
        "phase": spec.name,
        "code": "rejected" if result.outcome is Outcome.REJECTED else "suspect",
        "message": f"{spec.name} did not pass{again}: {found}",
    }
