"""How batches and their items look from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from app.api.usage import BillView, bill_view
from app.pipelines.batches.account import Account
from app.tables import Batch, BatchItem, BatchState, ItemState


class Counts(BaseModel):
    """Items by state."""

    pending: int
    running: int
    succeeded: int
    dead: int
    """Failed for good; `retry` tries them again."""
    cancelled: int


class BatchLinks(BaseModel):
    self: str
    items: str
    results: str
    pause: str
    resume: str
    cancel: str
    retry: str


class BatchView(BaseModel):
    """A batch at a glance."""

    batch_id: UUID
    state: BatchState
    definition: str
    total: int
    counts: Counts
    concurrency: int
    max_attempts: int
    created_at: datetime
    finished_at: datetime | None
    pruned_at: datetime | None
    """When its items were removed; null: they are there."""
    links: BatchLinks


class BatchDetail(BatchView):
    snapshot: str
    """SHA-256 of all that its runs pin."""
    base_commit: str | None
    items_per_minute: float
    """Items that ended within the last minute."""
    eta_s: float | None
    """Seconds to the end at that rate; null: finished, or nothing has ended lately."""
    bill: BillView
    """Of every attempt at every item, from the ledger."""


class ItemView(BaseModel):
    number: int
    state: ItemState
    input: str
    attempts: int
    pipeline_id: UUID | None
    """The run of the newest attempt."""
    error: dict[str, Any] | None
    """`code`, `message` and `phase` of what ended that attempt."""
    due_at: datetime | None
    """A pending item is not tried before; null: it is not pending."""
    ended_at: datetime | None


def path_of(batch_id: UUID) -> str:
    return f"/batches/{batch_id}"


def batch_view(row: Batch) -> BatchView:
    return BatchView(**_glance(row))


def detail_view(row: Batch, account: Account) -> BatchDetail:
    return BatchDetail(
        **_glance(row),
        snapshot=row.snapshot,
        base_commit=row.base_commit,
        items_per_minute=account.per_minute,
        eta_s=account.eta_s,
        bill=bill_view(account.bill),
    )


def item_view(row: BatchItem) -> ItemView:
    return ItemView(
        number=row.number,
        state=ItemState(row.state),
        input=row.input,
        attempts=row.attempts,
        pipeline_id=row.pipeline_id,
        error=row.error,
        due_at=row.due_at if row.state == ItemState.PENDING else None,
        ended_at=row.ended_at,
    )


def _glance(row: Batch) -> dict[str, Any]:
    path = path_of(row.id)
    links = {name: f"{path}/{name}" for name in BatchLinks.model_fields if name != "self"}
    return {
        "batch_id": row.id,
        "state": row.state,
        "definition": row.definition,
        "total": row.total,
        "counts": {state.value: getattr(row, state) for state in ItemState},
        "concurrency": row.concurrency,
        "max_attempts": row.max_attempts,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "pruned_at": row.pruned_at,
        "links": BatchLinks(self=path, **links),
    }
