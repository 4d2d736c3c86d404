"""Runs whose branch a person discarded, and pushes that are due found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_pushes_unsent",
        "pushes",
        ["updated_at"],
        postgresql_where=sa.text("state = 'committed_not_pushed'"),
    )


def downgrade() -> None:
    op.drop_index("ix_pushes_unsent", table_name="pushes")
    op.drop_column("pipelines", "discarded_at")
