"""What is said to the database about slots: one statement each, its own transaction, under one lock.

The functions are in `migrations/versions/0003_call_limits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg import AsyncConnection

from app.limits.slot import Slot

LIFETIME = timedelta(seconds=15)
"""A process that gave no sign for so long has lost its slots."""

ASK = "SELECT * FROM ask_call_slot(%s, %s, %s, %s, %s, %s, %s, %s)"
RELEASE = "SELECT release_call_slot(%s, %s, %s)"
KEEP = "SELECT * FROM keep_call_slots(%s, %s)"


@dataclass(frozen=True)
class Asked:
    """What came of asking for a slot."""

    is_limited: bool
    """False: no limit has a row, and nothing was written down."""
    granted: tuple[UUID, ...]
    """Slots of this process that may go now; the one that was asked for may be among them."""
    opens_in_s: float
    """How long the rates let no call start at all."""


async def ask(connection: AsyncConnection, slot: Slot, worker: str) -> Asked:
    """Ask for a slot: it is granted, or it waits in the table."""
    values = (
        slot.id,
        worker,
        slot.backend,
        slot.profile,
        slot.group or "",
        slot.priority.value,
        slot.tokens,
        LIFETIME,
    )
    row = await (await connection.execute(ASK, values)).fetchone()
    is_limited, granted, opens_in_s = row or (False, (), 0.0)
    return Asked(is_limited, tuple(granted), opens_in_s)


async def release(connection: AsyncConnection, slot: Slot, worker: str) -> tuple[UUID, ...]:
    """Give a slot back, or wait no longer. Returns the slots of this process that may go now."""
    row = await (await connection.execute(RELEASE, (slot.id, worker, slot.unused))).fetchone()
    return tuple(row[0]) if row else ()


async def keep(connection: AsyncConnection, worker: str) -> dict[UUID, bool]:
    """Say that the process lives, and grant what there is room for. Returns its slots: granted or not."""
    rows = await (await connection.execute(KEEP, (worker, LIFETIME))).fetchall()
    return {slot: is_granted for slot, is_granted in rows}
