"""Pipelines (runs), their phase runs and their events."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, members_of, one_of


class State(StrEnum):
    """Where a run stands; `app/pipelines/states.py` holds the moves."""

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a phase run ended."""

    RUNNING = "running"
    PASSED = "passed"
    REJECTED = "rejected"
    FAILED = "failed"
    SUSPECT = "suspect"
    ABANDONED = "abandoned"
    WAITING = "waiting"
    """It asked for something; another try goes on once that is decided."""
    CANCELLED = "cancelled"


class PushState(StrEnum):
    """Whether a commit has left this host."""

    PUSHED = "pushed"
    COMMITTED_NOT_PUSHED = "committed_not_pushed"


class Asked(StrEnum):
    """What a person asked of a run that a worker holds."""

    PAUSE = "pause"
    CANCEL = "cancel"


class Priority(IntEnum):
    """Whose work comes first; higher is sooner."""

    IDLE = 0
    BATCH = 1
    INTERACTIVE = 2


class Target(StrEnum):
    """How far a queued run is to go."""

    STEP = "step"
    END = "end"


class Pipeline(Base):
    """One execution of a definition for one input. This row is the truth; a job is only a wake-up."""

    __tablename__ = "pipelines"
    __table_args__ = (
        CheckConstraint("priority BETWEEN 0 AND 2", name="priority_is_known"),
        CheckConstraint("length(btrim(epic_description)) > 0", name="epic_not_empty"),
        CheckConstraint("position >= 0 AND round >= 0", name="progress_not_negative"),
        CheckConstraint("fence >= 0 AND attempts >= 0", name="counters_not_negative"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))",
            name="finished_when_terminal",
        ),
        CheckConstraint("(worker IS NULL) = (lease_expires_at IS NULL)", name="lease_has_a_worker"),
        CheckConstraint("state = 'running' OR worker IS NULL", name="only_running_has_a_lease"),
        CheckConstraint("(state = 'failed') = (error IS NOT NULL)", name="failed_says_why"),
        CheckConstraint("(batch_id IS NULL) = (batch_item IS NULL)", name="item_of_a_batch"),
        Index("ix_pipelines_newest", "created_at", "id"),
        # no column in them that a checkpoint changes, so that it touches no index
        Index("ix_pipelines_live", "id", postgresql_where=text("state IN ('queued', 'running')")),
        Index("ix_pipelines_waiting", "id", postgresql_where=text("state = 'waiting'")),
        # lists by state; a run enters the one when it is created, paused or resumed, the other when it ends
        Index(
            "ix_pipelines_resting",
            "state",
            "created_at",
            "id",
            postgresql_where=text("state IN ('created', 'paused')"),
        ),
        Index(
            "ix_pipelines_ended",
            "state",
            "created_at",
            "id",
            postgresql_where=text("state IN ('succeeded', 'failed', 'cancelled')"),
        ),
        Index("ix_pipelines_batch", "batch_id", "batch_item", postgresql_where=text("batch_id IS NOT NULL")),
        Index(
            "ix_pipelines_to_prune",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL AND pruned_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    epic_description: Mapped[str]
    definition: Mapped[str]
    snapshot: Mapped[str] = mapped_column(ForeignKey("definition_snapshots.sha256"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    base_commit: Mapped[str | None]
    state: Mapped[str] = mapped_column(members_of("run_state", State), default=State.CREATED)
    reason: Mapped[str | None]
    """Why it is paused or waiting: step, user, approval, budget, access, event."""
    error: Mapped[dict[str, JSON] | None] = mapped_column(JSONB(none_as_null=True))
    """`code`, `message` and `details` of what failed the run."""
    target: Mapped[str] = mapped_column(members_of("run_target", Target), default=Target.END)
    position: Mapped[int] = mapped_column(default=0)
    """Index of the next phase in the snapshot."""
    round: Mapped[int] = mapped_column(default=0)
    """Reworks so far."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Pick-ups since a phase was last closed."""
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Grows with every lease; a write with an older fence is refused."""
    worker: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asked: Mapped[str | None] = mapped_column(members_of("run_asked", Asked))
    """`pause` or `cancel`, while the worker that holds the run has not done it yet."""
    priority: Mapped[int] = mapped_column(default=Priority.INTERACTIVE, server_default=text("2"))
    event_count: Mapped[int] = mapped_column(BigInteger, default=0)
    retry_of: Mapped[UUID | None] = mapped_column(ForeignKey("pipelines.id"))
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batches.id"))
    batch_item: Mapped[int | None]
    """Number of the batch's item that this run is an attempt at."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    pruned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its events, earlier artifact versions and stored answers were removed."""
    discarded_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When a person threw its branch and its files away."""


class PhaseRun(Base):
    """One attempt at one phase of one pipeline."""

    __tablename__ = "phase_runs"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "phase", "item", "round", "try"),
        CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_unless_running"),
        CheckConstraint('round >= 0 AND "try" >= 0', name="counters_not_negative"),
        Index(
            "one_running_phase_run",
            "pipeline_id",
            "item",
            unique=True,
            postgresql_where=text("outcome = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    phase: Mapped[str]
    kind: Mapped[str]
    item: Mapped[str] = mapped_column(default="")
    round: Mapped[int]
    attempt: Mapped[int] = mapped_column("try")
    outcome: Mapped[str] = mapped_column(members_of("phase_outcome", Outcome), default=Outcome.RUNNING)
    detail: Mapped[dict[str, JSON] | None] = mapped_column(JSONB(none_as_null=True))
    """`issues` of a rejection, or `code` and `message` of a failure."""
    fence: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Event(Base):
    """What happened to a run, numbered without gaps."""

    __tablename__ = "events"
    __table_args__ = (CheckConstraint("seq > 0", name="seq_counts_from_one"),)

    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str]
    data: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    at: Mapped[CreatedAt]


class CommitIntent(Base):
    """What the commit of a run will be, written down before git is touched: the point of no return."""

    __tablename__ = "commit_intents"

    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    branch: Mapped[str]
    parent: Mapped[str]
    message: Mapped[str]
    files: Mapped[list[JSON]] = mapped_column(JSONB)
    """`{path, content}` of every file in the commit."""
    committed_at: Mapped[CreatedAt]
    """Author and committer date: the same hash every time."""


class Push(Base):
    """Where the commit of a run was sent, or is to be sent again."""

    __tablename__ = "pushes"
    __table_args__ = (
        one_of("state", PushState, "state_is_known"),
        Index("ix_pushes_unsent", "updated_at", postgresql_where=text("state = 'committed_not_pushed'")),
    )

    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    url: Mapped[str]
    """Without credentials."""
    branch: Mapped[str]
    commit: Mapped[str]
    state: Mapped[str]
    error: Mapped[str | None]
    """Why the last attempt failed."""
    attempts: Mapped[int]
    updated_at: Mapped[CreatedAt]
