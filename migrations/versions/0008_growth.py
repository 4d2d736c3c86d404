"""Growth: lists of runs by state, and batches whose items are pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

LISTED = {
    "resting": "state IN ('created', 'paused')",
    "ended": "state IN ('succeeded', 'failed', 'cancelled')",
}
"""The other states have few runs, and an index of their own already."""


def upgrade() -> None:
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


def downgrade() -> None:
    op.drop_index("ix_batches_to_prune", "batches")
    op.drop_constraint(op.f("ck_batches_only_finished_is_pruned"), "batches")
    op.drop_column("batches", "pruned_at")
    for name in LISTED:
        op.drop_index(f"ix_pipelines_{name}", "pipelines")
