"""Budgets and prices of one's own; the ledger says what a call is counted in, and what is cached for long."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LEDGER = "pipeline_prompt_usage"
AMOUNTS = (
    "input_tokens >= 0 AND cache_read_tokens >= 0 AND cache_write_tokens >= 0 "
    "AND output_tokens >= 0 AND thinking_tokens >= 0 AND cost_usd >= 0"
)
LONG = f"{AMOUNTS} AND cache_write_1h_tokens >= 0"


def upgrade() -> None:
    _budgets()
    _prices()
    op.add_column(LEDGER, sa.Column("cache_write_1h_tokens", sa.Integer(), nullable=True))
    op.add_column(
        LEDGER,
        sa.Column("budgets", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    _amounts(LONG)


def _budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limit_usd", sa.Numeric(14, 6), nullable=True),
        sa.Column("limit_tokens", sa.BigInteger(), nullable=True),
        *(
            sa.Column(name, kind, server_default=sa.text("0"), nullable=False)
            for name, kind in {
                "reserved_usd": sa.Numeric(24, 8),
                "spent_usd": sa.Numeric(24, 8),
                "reserved_tokens": sa.BigInteger(),
                "spent_tokens": sa.BigInteger(),
                "unpriced": sa.BigInteger(),
            }.items()
        ),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            r"name ~ '^(run|day|run:[0-9a-f-]{36}|day:\d{4}-\d{2}-\d{2}|project:\d+)$'",
            name=op.f("ck_budgets_name_is_a_scope"),
        ),
        sa.CheckConstraint(
            "limit_usd >= 0 AND limit_tokens >= 0", name=op.f("ck_budgets_limits_not_negative")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_budgets")),
    )


def _prices() -> None:
    op.create_table(
        "model_prices",
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("input", sa.Numeric(14, 6), nullable=False),
        sa.Column("output", sa.Numeric(14, 6), nullable=False),
        sa.Column("cache_read", sa.Numeric(14, 6), nullable=True),
        sa.Column("cache_write", sa.Numeric(14, 6), nullable=True),
        sa.Column("cache_write_1h", sa.Numeric(14, 6), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "least(input, output, cache_read, cache_write, cache_write_1h) >= 0",
            name=op.f("ck_model_prices_prices_not_negative"),
        ),
        sa.PrimaryKeyConstraint("backend", "model", "valid_from", name=op.f("pk_model_prices")),
    )


def _amounts(condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{LEDGER}_amounts_not_negative"), LEDGER)
    op.create_check_constraint(op.f(f"ck_{LEDGER}_amounts_not_negative"), LEDGER, condition)


def downgrade() -> None:
    _amounts(AMOUNTS)
    op.drop_column(LEDGER, "budgets")
    op.drop_column(LEDGER, "cache_write_1h_tokens")
    op.drop_table("model_prices")
    op.drop_table("budgets")
