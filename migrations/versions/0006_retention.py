"""Retention: which runs are pruned, when that was last looked at, and no log of wake-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NO_LOG = """
CREATE FUNCTION keep_no_queue_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_no_queue_log BEFORE INSERT ON pgqueuer_log
FOR EACH ROW EXECUTE FUNCTION keep_no_queue_log();
TRUNCATE pgqueuer_log, pgqueuer_statistics;
"""
"""The queue writes three rows per wake-up that nobody reads: the events of a run say more."""


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_pipelines_to_prune",
        "pipelines",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL AND pruned_at IS NULL"),
    )
    op.create_index(
        "ix_artifacts_copied_from",
        "artifacts",
        ["copied_from"],
        postgresql_where=sa.text("copied_from IS NOT NULL"),
    )
    op.create_index("ix_idempotent_requests_created_at", "idempotent_requests", ["created_at"])
    op.create_table(
        "chores",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )
    op.execute(NO_LOG)


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_no_queue_log ON pgqueuer_log")
    op.execute("DROP FUNCTION keep_no_queue_log()")
    op.drop_table("chores")
    op.drop_index("ix_idempotent_requests_created_at", "idempotent_requests")
    op.drop_index("ix_artifacts_copied_from", "artifacts")
    op.drop_index("ix_pipelines_to_prune", "pipelines")
    op.drop_column("pipelines", "pruned_at")
