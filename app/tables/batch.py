"""Batches: many inputs for one definition, and how each of them stands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Numeric, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, one_of


class BatchState(StrEnum):
    """Where a batch stands; `app/pipelines/batches/states.py` holds the moves."""

    OPEN = "open"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Where one input of a batch stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    """It failed for good: a dead letter, until somebody retries it."""
    CANCELLED = "cancelled"


class Batch(Base):
    """One batch. Whoever moves its items holds the lock of this row, so that the counts always add up."""

    __tablename__ = "batches"
    __table_args__ = (
        one_of("state", BatchState, "state_is_known"),
        CheckConstraint("concurrency BETWEEN 1 AND 1000", name="concurrency_is_bounded"),
        CheckConstraint("max_attempts BETWEEN 1 AND 20", name="max_attempts_is_bounded"),
        CheckConstraint(
            "least(pending, running, succeeded, dead, cancelled) >= 0 "
            "AND pending + running + succeeded + dead + cancelled = total",
            name="counts_add_up",
        ),
        CheckConstraint("state <> 'finished' OR pending + running = 0", name="finished_when_nothing_is_left"),
        CheckConstraint("pruned_at IS NULL OR finished_at IS NOT NULL", name="only_finished_is_pruned"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = "
            "(state = 'finished' OR state = 'cancelled' AND pending + running = 0)",
            name="finished_has_a_time",
        ),
        Index("ix_batches_newest", "created_at", "id"),
        Index("ix_batches_live", "created_at", postgresql_where=text("finished_at IS NULL")),
        Index(
            "ix_batches_to_prune",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL AND pruned_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    definition: Mapped[str]
    snapshot: Mapped[str] = mapped_column(ForeignKey("definition_snapshots.sha256"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    base_commit: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=BatchState.OPEN)
    concurrency: Mapped[int]
    """Items that run at once, at most."""
    max_attempts: Mapped[int]
    """Runs of one item, at most."""
    total: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    running: Mapped[int] = mapped_column(default=0)
    succeeded: Mapped[int] = mapped_column(default=0)
    dead: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    spent_usd: Mapped[Decimal] = mapped_column(Numeric(18, 8), default=Decimal(0))
    """What the attempts that ended have cost, as the ledger had it then: for a progress bar, not a bill."""
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    pruned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its items were removed."""


class BatchItem(Base):
    """One input. Each attempt at it is a run of its own."""

    __tablename__ = "batch_items"
    __table_args__ = (
        one_of("state", ItemState, "state_is_known"),
        CheckConstraint("number > 0", name="number_counts_from_one"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("state <> 'running' OR pipeline_id IS NOT NULL", name="running_has_a_run"),
        CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('succeeded', 'dead', 'cancelled'))", name="ended_has_a_time"
        ),
        Index(
            "ix_batch_items_due", "batch_id", "due_at", "number", postgresql_where=text("state = 'pending'")
        ),
        Index("ix_batch_items_running", "batch_id", "number", postgresql_where=text("state = 'running'")),
        Index("ix_batch_items_dead", "batch_id", "number", postgresql_where=text("state = 'dead'")),
        Index("ix_batch_items_ended", "batch_id", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """Place in the batch, from 1."""
    input: Mapped[str]
    """The epic description of its runs."""
    state: Mapped[str] = mapped_column(default=ItemState.PENDING, server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """Not before this time; `now()`, so that all items of a batch begin with the same."""
    pipeline_id: Mapped[UUID | None] = mapped_column(ForeignKey("pipelines.id"))
    """The run of its newest attempt."""
    error: Mapped[dict[str, JSON] | None] = mapped_column(JSONB(none_as_null=True))
    """`code`, `message` and `phase` of what ended the newest attempt."""
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
