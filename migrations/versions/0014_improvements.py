"""Improvements: batches whose items build on each other, and when they stop."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CHECKS = {
    "goal_not_empty": "length(btrim(goal)) > 0",
    "limits_not_negative": "max_usd >= 0 AND max_tokens >= 0",
    "max_failures_is_bounded": "max_failures BETWEEN 1 AND 1000",
    "estimate_not_negative": "estimated_usd >= 0 AND estimated_tokens >= 0",
    "stopped_is_known": "stopped IN ('budget_usd', 'budget_tokens', 'failures')",
}


def upgrade() -> None:
    op.create_table(
        "improvements",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("is_repeated", sa.Boolean(), nullable=False),
        sa.Column("max_usd", sa.Numeric(14, 6), nullable=True),
        sa.Column("max_tokens", sa.BigInteger(), nullable=True),
        sa.Column("max_failures", sa.Integer(), nullable=False),
        sa.Column("estimated_usd", sa.Numeric(14, 6), nullable=True),
        sa.Column("estimated_tokens", sa.BigInteger(), nullable=True),
        sa.Column("stopped", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_improvements_{name}")) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_improvements_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_improvements")),
    )


def downgrade() -> None:
    op.drop_table("improvements")
