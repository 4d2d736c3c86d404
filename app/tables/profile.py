"""Model profiles, and the routes that name them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, one_of


class Thinking(StrEnum):
    OFF = "off"
    ON = "on"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ModelProfile(Base):
    """Which model answers, and how."""

    __tablename__ = "model_profiles"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("context_tokens > 0", name="context_tokens_positive"),
        CheckConstraint("max_output_tokens > 0", name="max_output_tokens_positive"),
        CheckConstraint("timeout_s > 0", name="timeout_positive"),
        one_of("think", Thinking, "think_is_known"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    backend: Mapped[str]
    model: Mapped[str]
    context_tokens: Mapped[int]
    max_output_tokens: Mapped[int]
    think: Mapped[str]
    temperature: Mapped[Decimal | None] = mapped_column(Numeric(4, 2))
    timeout_s: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    price_usd_per_mtok: Mapped[dict[str, JSON] | None] = mapped_column(JSONB(none_as_null=True))
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Route(Base):
    """A name that phases use for a profile, so that one row moves many phases to another model."""

    __tablename__ = "routes"
    __table_args__ = (CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    profile: Mapped[str] = mapped_column(ForeignKey("model_profiles.name"))
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
