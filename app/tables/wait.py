"""What runs wait for: a decision, an access, a budget or an event from outside."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

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

from app.tables.base import JSON, Base, CreatedAt, one_of


class WaitReason(StrEnum):
    """Why a run waits."""

    APPROVAL = "approval"
    ACCESS = "access"
    BUDGET = "budget"
    EVENT = "event"


class Decision(StrEnum):
    """How a wait stands."""

    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"


class Wait(Base):
    """One thing that one run asked for, and what was decided."""

    __tablename__ = "waits"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "reason", "subject", "round"),
        one_of("reason", WaitReason, "reason_is_known"),
        one_of("decision", Decision, "decision_is_known"),
        CheckConstraint("default_decision IN ('granted', 'refused')", name="default_is_a_decision"),
        CheckConstraint("(decision = 'open') = (decided_at IS NULL)", name="decided_unless_open"),
        CheckConstraint("content_sha256 ~ '^[0-9a-f]{64}$'", name="content_is_sha256"),
        CheckConstraint("(deadline IS NULL) = (default_decision IS NULL)", name="deadline_has_a_default"),
        Index("ix_waits_open", "asked_at", "id", postgresql_where=text("decision = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    reason: Mapped[str]
    subject: Mapped[str]
    """Name of the approval's phase, of the permission or of the event; `<phase>:control_files`."""
    phase: Mapped[str]
    """The phase that asked; empty for an event that came before anybody waited for it."""
    round: Mapped[int]
    """Approval phases ask anew in each round; what a run may ask for again and again is numbered from 0."""
    decision: Mapped[str] = mapped_column(default=Decision.OPEN)
    content_sha256: Mapped[str | None]
    """SHA-256 over snapshot, artifacts and diff: what an approval is for."""
    details: Mapped[dict[str, JSON]] = mapped_column(JSONB, default=dict)
    """What the person who decides has to see."""
    data: Mapped[dict[str, JSON] | None] = mapped_column(JSONB(none_as_null=True))
    """What came with the event."""
    deadline: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    default_decision: Mapped[str | None]
    """What is decided when the deadline passes."""
    asked_at: Mapped[CreatedAt]
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[str | None]
    comment: Mapped[str | None]
