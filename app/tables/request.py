"""Requests with an Idempotency-Key, and the answers they got."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest

KEPT = timedelta(hours=24)
"""How long an answer is given again; pruning removes it after that."""


class IdempotentRequest(Base):
    """The first answer to a key; the same request again gets it back."""

    __tablename__ = "idempotent_requests"
    __table_args__ = (
        is_digest("request_digest"),
        Index("ix_idempotent_requests_created_at", "created_at"),
    )

    caller: Mapped[str] = mapped_column(primary_key=True)
    """Who asked: the token's id, or `anonymous` when authentication is off."""
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    """SHA-256 of method, path and body: the same key for another request is a conflict."""
    status: Mapped[int]
    body: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
