"""The ledger added up by day and model, so that a report over everything reads few rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Numeric
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base


class UsageDay(Base):
    """Settled calls of one model that began on one day. The ledger is the truth, and has all that is here.

    Every call up to the newest `last_id` of all rows is either in the sums of one row or in its `left_open`.
    """

    __tablename__ = "usage_days"
    __table_args__ = (
        CheckConstraint(
            "least(calls, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, "
            "thinking_tokens, cost_usd, unpriced, last_id) >= 0",
            name="sums_not_negative",
        ),
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    """UTC."""
    backend: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_read_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    thinking_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(24, 8))
    unpriced: Mapped[int] = mapped_column(BigInteger)
    """Calls whose price is unknown."""
    left_open: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """Calls without a reply when the rest was added up; a report reads what became of them in the ledger."""
    last_id: Mapped[int] = mapped_column(BigInteger)
    """The newest call in the sums; 0: there is none."""
