"""Improvements: batches whose items build on each other's commits until they are done or have to stop."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt, one_of


class Stop(StrEnum):
    """Why an improvement stopped before it was through."""

    BUDGET_USD = "budget_usd"
    BUDGET_TOKENS = "budget_tokens"
    FAILURES = "failures"


class Improvement(Base):
    """What a batch has beside its items when each green commit is the base of the next run."""

    __tablename__ = "improvements"
    __table_args__ = (
        CheckConstraint("length(btrim(goal)) > 0", name="goal_not_empty"),
        CheckConstraint("max_usd >= 0 AND max_tokens >= 0", name="limits_not_negative"),
        CheckConstraint("max_failures BETWEEN 1 AND 1000", name="max_failures_is_bounded"),
        CheckConstraint("estimated_usd >= 0 AND estimated_tokens >= 0", name="estimate_not_negative"),
        one_of("stopped", Stop, "stopped_is_known"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    goal: Mapped[str]
    is_repeated: Mapped[bool]
    """True: every item is one more step towards the goal, and is told which steps were done."""
    max_usd: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """Of all its runs together; null: the budgets of runs and days are all that limits it."""
    max_tokens: Mapped[int | None] = mapped_column(BigInteger)
    max_failures: Mapped[int]
    """It stops after so many failures in a row."""
    estimated_usd: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """What one epic was expected to cost when it was ordered; null: a price is unknown."""
    estimated_tokens: Mapped[int | None] = mapped_column(BigInteger)
    stopped: Mapped[str | None]
    """Why it stopped early; null: it did not."""
    created_at: Mapped[CreatedAt]
