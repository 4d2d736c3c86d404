"""Growth: lists of runs by state, pruned batches, the ledger added up by day, a queue that is vacuumed often."""

import sqlalchemy as sa
from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LISTED = {
    "resting": "state IN ('created', 'paused')",
    "ended": "state IN ('succeeded', 'failed', 'cancelled')",
}
"""The other states have few runs, and an index of their own already."""


def upgrade() -> None:
    op.execute(QueryBuilderEnvironment().build_optimize_autovacuum_query())
    for name, where in LISTED.items():
        op.create_index(
            f"ix_pipelines_{name}",
            "pipelines",
            ["state", "created_at", "id"],
            postgresql_where=sa.text(where),
        )
    op.add_column("batches", sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_batches_only_finished_is_pruned"), "batches", "pruned_at IS NULL OR finished_at IS NOT NULL"
    )
    op.create_index(
        "ix_batches_to_prune",
        "batches",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL AND pruned_at IS NULL"),
    )
    op.create_table(
        "usage_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("thinking_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(24, 8), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("left_open", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "least(calls, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, "
            "thinking_tokens, cost_usd, unpriced, last_id) >= 0",
            name=op.f("ck_usage_days_sums_not_negative"),
        ),
        sa.PrimaryKeyConstraint("day", "backend", "model", name=op.f("pk_usage_days")),
    )


def downgrade() -> None:
    op.execute(QueryBuilderEnvironment().build_optimize_autovacuum_rollback_query())
    op.drop_table("usage_days")
    op.drop_index("ix_batches_to_prune", "batches")
    op.drop_constraint(op.f("ck_batches_only_finished_is_pruned"), "batches")
    op.drop_column("batches", "pruned_at")
    for name in LISTED:
        op.drop_index(f"ix_pipelines_{name}", "pipelines")
