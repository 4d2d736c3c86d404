"""Limits of model calls, and the slots and rates that are counted against them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Double
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt, Timestamp


class CallLimit(Base):
    """What all workers together may ask of a backend, or of a model profile."""

    __tablename__ = "call_limits"
    __table_args__ = (
        CheckConstraint("name ~ '^(backend|profile):[a-z0-9][a-z0-9._-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("max_concurrent > 0", name="max_concurrent_positive"),
        CheckConstraint("requests_per_minute > 0", name="requests_per_minute_positive"),
        CheckConstraint("tokens_per_minute > 0", name="tokens_per_minute_positive"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    """`backend:ollama`, `profile:claude`. No row: no limit."""
    max_concurrent: Mapped[int | None]
    """Calls at once; None: as many as there are."""
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None]
    """Prompt and answer together, as estimated before the call."""
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CallSlot(Base):
    """A call in flight, or one that waits for its turn. Unlogged: a crash of Postgres forgets it."""

    __tablename__ = "call_slots"
    __table_args__ = (
        CheckConstraint("priority BETWEEN 0 AND 2", name="priority_is_known"),
        {"prefixes": ["UNLOGGED"]},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    worker: Mapped[str]
    """The process that asks."""
    backend: Mapped[str]
    """Name of the backend's limit, whether or not there is a row for it; `profile` likewise."""
    profile: Mapped[str]
    batch: Mapped[str]
    """Calls of one batch take turns with those of another; empty: those of no batch."""
    priority: Mapped[int]
    turn: Mapped[int] = mapped_column(BigInteger)
    """Which round of its priority it belongs to; every batch has one call in each round."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    """Estimate of what the call takes."""
    asked_at: Mapped[CreatedAt]
    granted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """None: it waits."""
    expires_at: Mapped[Timestamp]
    """Renewed by its process; past it the process is taken for dead."""


class CallRate(Base):
    """How full the leaky bucket of a limit was at a moment; it drains at the limit's rate."""

    __tablename__ = "call_rates"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    name: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[float] = mapped_column(Double)
    tokens: Mapped[float] = mapped_column(Double)
    at: Mapped[Timestamp]
