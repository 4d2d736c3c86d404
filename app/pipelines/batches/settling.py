"""Moves the items of a batch whose runs have ended: succeeded, back to pending, or dead."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipelines.batches import store
from app.pipelines.batches.retrying import Draw, pause_s
from app.pipelines.batches.states import end_if_done
from app.pipelines.performing import RETRY_AFTER_S
from app.tables import Batch, BatchState, ItemState, State

TOLD: tuple[str, ...] = ("code", "message", "phase")
"""What an item keeps of the error of its run."""

ENDED = text(
    """
    SELECT i.number, i.attempts, p.id AS run, p.state, p.error
    FROM batch_items i JOIN pipelines p ON p.id = i.pipeline_id
    WHERE i.batch_id = :batch AND i.state = 'running' AND p.state IN ('succeeded', 'failed', 'cancelled')
    """
)
MOVE = text(
    """
    UPDATE batch_items i
    SET state = v.state, error = CAST(v.error AS jsonb),
        due_at = CASE WHEN v.state = 'pending' THEN clock_timestamp() + make_interval(secs => v.pause_s)
                      ELSE i.due_at END,
        ended_at = CASE WHEN v.state = 'pending' THEN NULL ELSE clock_timestamp() END
    FROM unnest(CAST(:numbers AS int[]), CAST(:states AS text[]), CAST(:errors AS text[]),
                CAST(:pauses AS float8[])) AS v (number, state, error, pause_s)
    WHERE i.batch_id = :batch AND i.number = v.number
    """
)
SPENT = text(
    """
    SELECT coalesce(sum(CASE WHEN outcome = 'open' THEN reserved_usd ELSE cost_usd END), 0)
    FROM pipeline_prompt_usage WHERE pipeline_id = ANY (:runs)
    """
)


@dataclass(frozen=True)
class Settled:
    """Where an item goes."""

    number: int
    run: UUID
    state: ItemState
    error: dict[str, Any] | None = None
    pause_s: float = 0.0


async def settle(session: AsyncSession, batch: Batch, draw: Draw) -> int:
    """Settle what has ended. Returns how many items. The caller holds the batch's lock."""
    rows = await session.execute(ENDED, {"batch": batch.id})
    settled = [_settled(batch, row, draw) for row in rows]
    if settled:
        await _write(session, batch, settled)
    return len(settled)


async def _write(session: AsyncSession, batch: Batch, settled: Sequence[Settled]) -> None:
    await session.execute(
        MOVE,
        {
            "batch": batch.id,
            "numbers": [item.number for item in settled],
            "states": [item.state.value for item in settled],
            "errors": [json.dumps(item.error) if item.error else None for item in settled],
            "pauses": [item.pause_s for item in settled],
        },
    )
    spent = (await session.execute(SPENT, {"runs": [item.run for item in settled]})).scalar_one()
    for state, number in Counter(item.state for item in settled).items():
        store.count(batch, ItemState.RUNNING, state, number)
    batch.spent_usd += spent
    end_if_done(batch)


def _settled(batch: Batch, row: Row[Any], draw: Draw) -> Settled:
    match State(row.state):
        case State.SUCCEEDED:
            return Settled(row.number, row.run, ItemState.SUCCEEDED)
        case State.CANCELLED:
            return Settled(row.number, row.run, ItemState.CANCELLED)
    error = row.error or {}
    told = {name: error[name] for name in TOLD if name in error}
    asked_s = (error.get("details") or {}).get(RETRY_AFTER_S, 0.0)
    pause = pause_s(error.get("code"), row.attempts, batch.max_attempts, draw, asked_s)
    if pause is None:
        return Settled(row.number, row.run, ItemState.DEAD, told)
    if batch.state == BatchState.CANCELLED:
        return Settled(row.number, row.run, ItemState.CANCELLED, told)
    return Settled(row.number, row.run, ItemState.PENDING, told, pause)
