"""Budgets: what may be spent, what is reserved and what is spent; and prices that people know better."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt


class Budget(Base):
    """What calls may take, and what they took. Named `run`, `day`, `run:<id>`, `day:<date>`, `project:<id>`.

    `run` and `day` hold the limits of every run and every day (UTC) that has none of its own; nothing is
    counted in them. Each call of the ledger names the rows it is counted in.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint(
            r"name ~ '^(run|day|run:[0-9a-f-]{36}|day:\d{4}-\d{2}-\d{2}|project:\d+)$'",
            name="name_is_a_scope",
        ),
        CheckConstraint("limit_usd >= 0 AND limit_tokens >= 0", name="limits_not_negative"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    limit_usd: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """Null: the limit of every run or day, if there is one."""
    limit_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(24, 8), server_default=text("0"))
    """Of calls without a reply so far."""
    spent_usd: Mapped[Decimal] = mapped_column(Numeric(24, 8), server_default=text("0"))
    reserved_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    spent_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Prompt and answer together, cached tokens too."""
    unpriced: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Calls whose price is unknown: the dollars lack them."""
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ModelPrice(Base):
    """What a model costs from a day on, in US dollars per million tokens. It beats profile and price list."""

    __tablename__ = "model_prices"
    __table_args__ = (
        CheckConstraint(
            "least(input, output, cache_read, cache_write, cache_write_1h) >= 0", name="prices_not_negative"
        ),
    )

    backend: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    """Calls that begin earlier have the price before it."""
    input: Mapped[Decimal] = mapped_column(Numeric(14, 6))
    output: Mapped[Decimal] = mapped_column(Numeric(14, 6))
    cache_read: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """Null: as `input`."""
    cache_write: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """Kept for 5 minutes. Null: as `input`."""
    cache_write_1h: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    """Kept for an hour. Null: as `cache_write`."""
    created_at: Mapped[CreatedAt]
