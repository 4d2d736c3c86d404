"""Growth: lists of runs by state."""

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


def downgrade() -> None:
    for name in LISTED:
        op.drop_index(f"ix_pipelines_{name}", "pipelines")
