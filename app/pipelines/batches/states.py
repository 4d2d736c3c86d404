"""The states of a batch and the only moves between them."""

from __future__ import annotations

from sqlalchemy import func

from app.errors import Conflict
from app.tables import Batch, BatchState

MOVES: dict[BatchState, frozenset[BatchState]] = {
    BatchState.OPEN: frozenset({BatchState.PAUSED, BatchState.FINISHED, BatchState.CANCELLED}),
    BatchState.PAUSED: frozenset({BatchState.OPEN, BatchState.FINISHED, BatchState.CANCELLED}),
    BatchState.FINISHED: frozenset({BatchState.OPEN}),
    BatchState.CANCELLED: frozenset(),
}
"""A finished batch opens again when its dead letters are retried."""


def check_move(batch: Batch, to: BatchState) -> None:
    """Raises `Conflict` that says why the batch can not go there."""
    current = BatchState(batch.state)
    if to in MOVES[current]:
        return
    if current is to:
        raise Conflict(f"the batch is {current} already", state=current)
    raise Conflict(f"a {current} batch can not become {to}", state=current)


def end_if_done(batch: Batch) -> None:
    """Give the batch its end once nothing is pending or running. The caller holds its lock."""
    if batch.pending + batch.running or batch.finished_at is not None:
        return
    if batch.state != BatchState.CANCELLED:
        check_move(batch, BatchState.FINISHED)
        batch.state = BatchState.FINISHED
    batch.finished_at = func.clock_timestamp()
