"""What leaves the service: destinations, and each thing that was sent to one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest, one_of


class AdapterName(StrEnum):
    """How something is sent."""

    HTTP = "http"
    COMMAND = "command"


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    INTENDED = "intended"
    """It may have been sent: nobody has written down what the receiver said."""
    SENT = "sent"
    DRY_RUN = "dry_run"
    FAILED = "failed"


class Destination(Base):
    """Where artifacts are sent to. Only an admin writes it; runs name it."""

    __tablename__ = "destinations"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),
        one_of("adapter", AdapterName, "adapter_is_known"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str]
    config: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    """What the adapter needs; of secrets only the names of their environment variables."""
    dry_run: Mapped[bool] = mapped_column(default=True)
    """True: what would be sent is written down, and nothing leaves."""
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Delivery(Base):
    """One thing that one phase of one run sends, written down before it is sent."""

    __tablename__ = "deliveries"
    __table_args__ = (
        is_digest("idempotency_key"),
        is_digest("payload_digest"),
        one_of("state", DeliveryState, "state_is_known"),
        CheckConstraint("attempts >= 0 AND round >= 0", name="counters_not_negative"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_has_its_time"),
        Index("ix_deliveries_of_run", "pipeline_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    phase: Mapped[str]
    round: Mapped[int]
    destination: Mapped[str]
    """Its name then; the row may be gone."""
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    """The receiver sees it, the same for every attempt."""
    payload_digest: Mapped[str]
    state: Mapped[str] = mapped_column(default=DeliveryState.INTENDED)
    response_status: Mapped[int | None]
    """HTTP status, or exit code of the command."""
    response_excerpt: Mapped[str | None]
    """Beginning of what the receiver said, or why nothing came."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often sending has begun."""
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
