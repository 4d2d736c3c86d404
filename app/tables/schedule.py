"""Schedules: cron rows that start runs, and what came of each of their ticks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt, Timestamp, one_of


class Missed(StrEnum):
    """What happens with ticks that came while no worker was there to see them."""

    SKIP = "skip"
    ONCE = "once"
    """One run for the latest of them."""
    ALL = "all"


class TickOutcome(StrEnum):
    """What came of a tick."""

    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"
    """No run could be made; the error says why."""


class Schedule(Base):
    """Starts a run of a definition at every tick of a cron expression in a time zone."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("number >= 0", name="number_not_negative"),
        one_of("missed", Missed, "missed_is_known"),
        Index("ix_schedules_due", "next_at", postgresql_where=text("NOT paused")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    cron: Mapped[str]
    """Five fields; the clock they speak of is that of the time zone."""
    timezone: Mapped[str]
    definition: Mapped[str]
    input_template: Mapped[str]
    """Becomes the epic of each run."""
    project: Mapped[str | None]
    profile: Mapped[str | None]
    missed: Mapped[str]
    paused: Mapped[bool] = mapped_column(default=False)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    """Ticks so far that started a run or tried to."""
    next_at: Mapped[Timestamp]
    """The first tick that nobody has looked at yet."""
    last_error: Mapped[str | None]
    """Why the last tick made no run, or what it left out."""
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ScheduleTick(Base):
    """One tick. Its key is what makes it start one run however many workers see it."""

    __tablename__ = "schedule_ticks"
    __table_args__ = (
        one_of("outcome", TickOutcome, "outcome_is_known"),
        CheckConstraint("(outcome = 'started') = (pipeline_id IS NOT NULL)", name="started_has_a_run"),
        CheckConstraint("(outcome = 'failed') = (error IS NOT NULL)", name="failed_says_why"),
    )

    schedule: Mapped[str] = mapped_column(ForeignKey("schedules.name", ondelete="CASCADE"), primary_key=True)
    tick_at: Mapped[Timestamp] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID | None] = mapped_column(ForeignKey("pipelines.id"))
    outcome: Mapped[str]
    error: Mapped[str | None]
    seen_at: Mapped[CreatedAt]
    """When a worker decided it."""
