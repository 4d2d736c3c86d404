"""Answers of models that are given again to the very same question, and how much they take together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, Timestamp, is_digest


class CachedAnswer(Base):
    """A validated answer, under the digest of all that decided it."""

    __tablename__ = "response_cache"
    __table_args__ = (is_digest("key"), CheckConstraint("size > 0", name="size_positive"))

    key: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the whole request, what bound the answer, and the index of the sample."""
    usage_id: Mapped[int] = mapped_column(ForeignKey("pipeline_prompt_usage.id"), index=True)
    """The call that paid for it."""
    answer: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    """`text`, `model` and `tokens`; Postgres compresses it."""
    size: Mapped[int]
    """Bytes that count against the cap: the answer before compression, and what a row takes."""
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Timestamp] = mapped_column(DateTime(timezone=True), index=True)
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    """What was not used for the longest goes first."""


class CacheSize(Base):
    """The one row that says how much the cached answers take; whoever changes them holds its lock."""

    __tablename__ = "response_cache_size"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bytes: Mapped[int] = mapped_column(BigInteger)
