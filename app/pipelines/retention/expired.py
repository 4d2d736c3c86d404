"""Rows that have an end of their own, whatever the policy: kept answers, and slots of processes that died."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipelines.retention.policy import Pruned
from app.pipelines.retention.portion import ROWS, number, removed
from app.tables import CallSlot, IdempotentRequest
from app.tables.request import KEPT


async def prune_some(session: AsyncSession) -> Pruned | None:
    """Remove some of them; None: there are none."""
    key = tuple_(IdempotentRequest.caller, IdempotentRequest.key)
    some = select(IdempotentRequest.caller, IdempotentRequest.key).where(_old_request())
    some = some.order_by(IdempotentRequest.created_at).limit(ROWS)
    done = Pruned(
        requests=await removed(session, delete(IdempotentRequest).where(key.in_(some))),
        slots=await removed(session, delete(CallSlot).where(_dead_slot())),
    )
    return None if done == Pruned() else done


async def preview(session: AsyncSession) -> Pruned:
    """What has expired by now."""
    return Pruned(
        requests=await number(session, select(func.count()).where(_old_request())),
        slots=await number(session, select(func.count()).where(_dead_slot())),
    )


def _old_request() -> ColumnElement[bool]:
    return IdempotentRequest.created_at < func.now() - KEPT


def _dead_slot() -> ColumnElement[bool]:
    """Whoever waits for a slot removes these too; where nobody ever waits, nobody else would."""
    return CallSlot.expires_at < func.now()
