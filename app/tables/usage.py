"""The ledger: one row per model call, successful or not; and the answers kept for replay."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest


class PromptUsage(Base):
    """One model call. Inserted `open` with its reservation before the call, settled after it."""

    __tablename__ = "pipeline_prompt_usage"
    __table_args__ = (
        is_digest("prompt_digest"),
        is_digest("request_digest"),
        CheckConstraint("(outcome = 'open') = (settled_at IS NULL)", name="settled_unless_open"),
        CheckConstraint("reserved_tokens >= 0 AND reserved_usd >= 0", name="reservation_not_negative"),
        CheckConstraint(
            "input_tokens >= 0 AND cache_read_tokens >= 0 AND cache_write_tokens >= 0 "
            "AND output_tokens >= 0 AND thinking_tokens >= 0 AND cost_usd >= 0 "
            "AND cache_write_1h_tokens >= 0",
            name="amounts_not_negative",
        ),
        Index("ix_pipeline_prompt_usage_run", "pipeline_id", "id"),
        Index("ix_pipeline_prompt_usage_day", "started_at"),
        Index(
            "ix_pipeline_prompt_usage_hits", "started_at", postgresql_where=text("cached_from IS NOT NULL")
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pipeline_id: Mapped[UUID | None] = mapped_column(ForeignKey("pipelines.id"))
    phase_run_id: Mapped[int | None] = mapped_column(ForeignKey("phase_runs.id"))
    phase: Mapped[str]
    item: Mapped[str]
    round: Mapped[int]
    step: Mapped[int]
    """0 for the first question, counted up by each re-ask."""
    backend: Mapped[str]
    profile: Mapped[str]
    model: Mapped[str]
    role: Mapped[str]
    prompt_digest: Mapped[str]
    prompt_version: Mapped[int | None]
    """Version of the role prompt; null when the text came from a file."""
    request_digest: Mapped[str]
    """SHA-256 of the whole request."""
    reserved_tokens: Mapped[int]
    reserved_usd: Mapped[Decimal | None] = mapped_column(Numeric(14, 8))
    """Null: the model has no known price."""
    input_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    cache_write_1h_tokens: Mapped[int | None]
    """Those of `cache_write_tokens` that the provider keeps for an hour, at a higher price."""
    output_tokens: Mapped[int | None]
    """Includes thinking."""
    thinking_tokens: Mapped[int | None]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(14, 8))
    """Null: unknown. A local model costs 0."""
    price_version: Mapped[str]
    outcome: Mapped[str]
    """`open`, `ok`, or the code of the error."""
    error: Mapped[str | None]
    request_id: Mapped[str | None]
    route: Mapped[str | None]
    """Name of the route that chose the profile."""
    cascade_step: Mapped[int] = mapped_column(server_default=text("0"))
    """0 for the route's own profile, counted up by each that was asked in its place."""
    reason: Mapped[str | None]
    """Why another profile was asked: the outcome of the one before."""
    mode: Mapped[str | None]
    """What bound the answer to its schema: `grammar`, `tool` or `prompt`."""
    weakened: Mapped[list[JSON]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """What the schema lost on its way to the server, one line each."""
    thinking_estimated: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """True: the server does not count thinking apart; the figure is its share of the text."""
    cached_from: Mapped[int | None] = mapped_column(BigInteger)
    """The call whose answer was given again at no cost."""
    budgets: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    """Names of the budgets it is counted in."""
    started_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ModelAnswer(Base):
    """An answer that was received for a step of a run: replayed on resume, not paid again."""

    __tablename__ = "model_answers"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "phase", "item", "round", "step", "request_digest"),
        is_digest("request_digest"),
    )

    usage_id: Mapped[int] = mapped_column(ForeignKey("pipeline_prompt_usage.id"), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    phase: Mapped[str]
    item: Mapped[str]
    round: Mapped[int]
    step: Mapped[int]
    request_digest: Mapped[str]
    answer: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    """`text`, `model` and `tokens`."""
