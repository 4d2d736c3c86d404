"""Batches: many inputs, one definition."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("base_commit", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("spent_usd", sa.Numeric(18, 8), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'paused', 'finished', 'cancelled')", name=op.f("ck_batches_state_is_known")
        ),
        sa.CheckConstraint("concurrency BETWEEN 1 AND 1000", name=op.f("ck_batches_concurrency_is_bounded")),
        sa.CheckConstraint("max_attempts BETWEEN 1 AND 20", name=op.f("ck_batches_max_attempts_is_bounded")),
        sa.CheckConstraint(
            "least(pending, running, succeeded, dead, cancelled) >= 0 "
            "AND pending + running + succeeded + dead + cancelled = total",
            name=op.f("ck_batches_counts_add_up"),
        ),
        sa.CheckConstraint(
            "state <> 'finished' OR pending + running = 0",
            name=op.f("ck_batches_finished_when_nothing_is_left"),
        ),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = "
            "(state = 'finished' OR state = 'cancelled' AND pending + running = 0)",
            name=op.f("ck_batches_finished_has_a_time"),
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"], ["definition_snapshots.sha256"], name=op.f("fk_batches_snapshot")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_batches_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index("ix_batches_newest", "batches", ["created_at", "id"])
    op.create_index(
        "ix_batches_live", "batches", ["created_at"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "batch_items",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'succeeded', 'dead', 'cancelled')",
            name=op.f("ck_batch_items_state_is_known"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_batch_items_number_counts_from_one")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_batch_items_attempts_not_negative")),
        sa.CheckConstraint(
            "state <> 'running' OR pipeline_id IS NOT NULL", name=op.f("ck_batch_items_running_has_a_run")
        ),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('succeeded', 'dead', 'cancelled'))",
            name=op.f("ck_batch_items_ended_has_a_time"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_items_batch_id")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_batch_items_pipeline_id")),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_batch_items")),
    )
    _partial_index("due", ["batch_id", "due_at", "number"], "state = 'pending'")
    _partial_index("running", ["batch_id", "number"], "state = 'running'")
    _partial_index("dead", ["batch_id", "number"], "state = 'dead'")
    _partial_index("ended", ["batch_id", "ended_at"], "ended_at IS NOT NULL")
    op.add_column("pipelines", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.add_column("pipelines", sa.Column("batch_item", sa.Integer(), nullable=True))
    op.create_foreign_key(op.f("fk_pipelines_batch_id"), "pipelines", "batches", ["batch_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_pipelines_item_of_a_batch"), "pipelines", "(batch_id IS NULL) = (batch_item IS NULL)"
    )
    op.create_index(
        "ix_pipelines_batch",
        "pipelines",
        ["batch_id", "batch_item"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_pipelines_batch", "pipelines")
    op.drop_constraint(op.f("ck_pipelines_item_of_a_batch"), "pipelines")
    op.drop_column("pipelines", "batch_item")
    op.drop_column("pipelines", "batch_id")
    op.drop_table("batch_items")
    op.drop_table("batches")


def _partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(f"ix_batch_items_{name}", "batch_items", columns, postgresql_where=sa.text(where))
