"""Model profiles, and the routes that name them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, one_of


class Thinking(StrEnum):
    OFF = "off"
    ON = "on"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CodeForm(StrEnum):
    """How a model writes files."""

    JSON = "json"
    BLOCKS = "blocks"


class ModelProfile(Base):
    """Which model answers, and how."""

    __tablename__ = "model_profiles"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("context_tokens > 0", name="context_tokens_positive"),
        CheckConstraint("max_output_tokens > 0", name="max_output_tokens_positive"),
        CheckConstraint("timeout_s > 0", name="timeout_positive"),
        CheckConstraint("vram_gb > 0", name="vram_positive"),
        CheckConstraint("max_turns BETWEEN 1 AND 10", name="max_turns_are_few"),
        one_of("think", Thinking, "think_is_known"),
        one_of("code_channel", CodeForm, "code_channel_is_known"),
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
    vram_gb: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    """What the model and its context take of the graphics card; null: unknown, or not on this machine."""
    max_turns: Mapped[int] = mapped_column(server_default=text("3"))
    """Questions one task may take, the first included."""
    code_channel: Mapped[str] = mapped_column(server_default=text("'json'"))
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Route(Base):
    """A kind of work and the profile that does it, so that one row moves many phases to another model."""

    __tablename__ = "routes"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("latency_s > 0", name="latency_positive"),
        one_of("think", Thinking, "think_is_known"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    profile: Mapped[str] = mapped_column(ForeignKey("model_profiles.name"))
    think: Mapped[str | None]
    """Instead of what the profile says; null: as the profile says."""
    latency_s: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    """Seconds that a person waits for an answer at most; a slower one is reported as late."""
    critical: Mapped[bool] = mapped_column(server_default=text("false"))
    """Never answered by a lesser model, whatever fails and whatever it costs."""
    cascade: Mapped[list[JSON]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Who is asked next, in order: `profile`, `think` and the outcomes it is for, `on`."""
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RouteKeyword(Base):
    """A word that leads free text to a route, where nothing else says which."""

    __tablename__ = "route_keywords"
    __table_args__ = (
        CheckConstraint(
            "keyword = lower(keyword) AND keyword ~ '^\\S(.{0,62}\\S)?$'", name="keyword_is_plain"
        ),
    )

    keyword: Mapped[str] = mapped_column(primary_key=True)
    """In lower case; found anywhere in the text at the start of a word."""
    route: Mapped[str] = mapped_column(ForeignKey("routes.name"))
    position: Mapped[int]
    """The first that is found wins."""
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
