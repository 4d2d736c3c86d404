"""The events of a checkpoint: a phase that ended, where the run goes, a phase that begins."""

from __future__ import annotations

from app.pipelines.checkpoints import EventBody
from app.pipelines.moves import Move
from app.pipelines.phases.kind import PhaseResult
from app.pipelines.snapshot import PhaseSpec

Closed = tuple[PhaseSpec, int, PhaseResult]
"""A phase that is over, its round, and how it ended."""


def entries(move: Move, ended: Closed | None, opens: PhaseSpec | None) -> tuple[EventBody, ...]:
    """In the order in which they happened."""
    events: list[EventBody] = []
    if ended is not None:
        events.append(_finished(*ended))
    if move.event is not None:
        events.append(move.event)
    if opens is not None:
        started = {"phase": opens.name, "round": move.at.round, "kind": opens.kind}
        events.append(("phase_started", started))
    return tuple(events)


def _finished(spec: PhaseSpec, round_: int, result: PhaseResult) -> EventBody:
    failed = {key: result.detail[key] for key in ("code", "message") if key in result.detail}
    told = {
        "phase": spec.name,
        "round": round_,
        "outcome": result.outcome,
        "issues": [dict(issue) for issue in result.issues],
    }
    return "phase_finished", {**told, **failed}
