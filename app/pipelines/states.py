"""The states of a run and the only moves between them."""

from __future__ import annotations

from app.errors import Conflict
from app.tables import State

MOVES: dict[State, frozenset[State]] = {
    State.CREATED: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset(
        {
            State.QUEUED,
            State.PAUSED,
            State.WAITING,
            State.SUCCEEDED,
            State.FAILED,
            State.CANCELLED,
        }
    ),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.WAITING: frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

TERMINAL = frozenset(state for state, moves in MOVES.items() if not moves)


def check_move(current: State, to: State) -> None:
    """Raises `Conflict` that says why the run can not go there."""
    if to in MOVES[current]:
        return
    if current is to:
        raise Conflict(f"the run is {current} already", state=current)
    if current in TERMINAL:
        raise Conflict(f"the run has {current}; a finished run never changes: start a new one", state=current)
    raise Conflict(f"a {current} run cannot become {to}", state=current)
