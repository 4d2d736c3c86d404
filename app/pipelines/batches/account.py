"""How fast a batch is, how long it will take, and what it has cost by the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipelines.batches import store
from app.tables import Batch
from app.usage import reports
from app.usage.reports import Bill


@dataclass(frozen=True)
class Account:
    """A batch in figures."""

    per_minute: float
    """Items that ended within the last minute."""
    eta_s: float | None
    """Seconds to the end at that rate; None: finished, or nothing has ended lately."""
    bill: Bill
    """Of every attempt at every item."""


async def account(session: AsyncSession, batch: Batch) -> Account:
    lately = await store.ended_lately(session, batch.id)
    left = batch.pending + batch.running
    eta_s = left * store.RATE_S / lately if left and lately else None
    return Account(lately * 60 / store.RATE_S, eta_s, await reports.of_batch(session, batch.id))
