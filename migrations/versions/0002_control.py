"""Control of runs: pause, priorities, waits, and artifacts that a retry takes over."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTCOMES = ("running", "passed", "rejected", "failed", "suspect", "abandoned", "waiting", "cancelled")


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("asked", sa.Text(), nullable=True))
    op.execute("UPDATE pipelines SET asked = 'cancel' WHERE cancel_requested")
    op.drop_column("pipelines", "cancel_requested")
    op.add_column(
        "pipelines", sa.Column("priority", sa.Integer(), server_default=sa.text("2"), nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_pipelines_asked_is_known"), "pipelines", "asked IN ('pause', 'cancel')"
    )
    op.create_check_constraint(
        op.f("ck_pipelines_priority_is_known"), "pipelines", "priority BETWEEN 0 AND 2"
    )
    _index_live_by("id")
    op.create_index(
        "ix_pipelines_waiting", "pipelines", ["id"], postgresql_where=sa.text("state = 'waiting'")
    )
    _allow_outcomes(OUTCOMES)
    op.alter_column("artifacts", "phase_run_id", existing_type=sa.BigInteger(), nullable=True)
    op.add_column("artifacts", sa.Column("copied_from", sa.BigInteger(), nullable=True))
    op.add_column("artifacts", sa.Column("edited_by", sa.Text(), nullable=True))
    op.create_foreign_key(op.f("fk_artifacts_copied_from"), "artifacts", "artifacts", ["copied_from"], ["id"])
    op.create_check_constraint(
        op.f("ck_artifacts_has_one_origin"),
        "artifacts",
        "num_nonnulls(phase_run_id, copied_from, edited_by) = 1",
    )
    op.add_column(
        "phase_configurations",
        sa.Column(
            "needs",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
    op.create_table(
        "waits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("default_decision", sa.Text(), nullable=True),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('approval', 'access', 'budget', 'event')", name=op.f("ck_waits_reason_is_known")
        ),
        sa.CheckConstraint(
            "decision IN ('open', 'granted', 'refused')", name=op.f("ck_waits_decision_is_known")
        ),
        sa.CheckConstraint(
            "default_decision IN ('granted', 'refused')", name=op.f("ck_waits_default_is_a_decision")
        ),
        sa.CheckConstraint(
            "(decision = 'open') = (decided_at IS NULL)", name=op.f("ck_waits_decided_unless_open")
        ),
        sa.CheckConstraint("content_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_waits_content_is_sha256")),
        sa.CheckConstraint(
            "(deadline IS NULL) = (default_decision IS NULL)", name=op.f("ck_waits_deadline_has_a_default")
        ),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_waits_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waits")),
        sa.UniqueConstraint(
            "pipeline_id",
            "reason",
            "subject",
            "round",
            name=op.f("uq_waits_pipeline_id_reason_subject_round"),
        ),
    )
    op.create_index(
        "ix_waits_open", "waits", ["asked_at", "id"], postgresql_where=sa.text("decision = 'open'")
    )


def downgrade() -> None:
    op.drop_table("waits")
    op.drop_column("phase_configurations", "needs")
    op.execute("DELETE FROM artifacts WHERE phase_run_id IS NULL")
    op.drop_constraint(op.f("ck_artifacts_has_one_origin"), "artifacts")
    op.drop_column("artifacts", "edited_by")
    op.drop_column("artifacts", "copied_from")
    op.alter_column("artifacts", "phase_run_id", existing_type=sa.BigInteger(), nullable=False)
    op.execute("UPDATE phase_runs SET outcome = 'abandoned' WHERE outcome = 'waiting'")
    _allow_outcomes(tuple(outcome for outcome in OUTCOMES if outcome != "waiting"))
    op.drop_index("ix_pipelines_waiting", table_name="pipelines")
    _index_live_by("updated_at")
    op.drop_constraint(op.f("ck_pipelines_priority_is_known"), "pipelines")
    op.drop_column("pipelines", "priority")
    op.add_column("pipelines", sa.Column("cancel_requested", sa.Boolean(), nullable=True))
    op.execute("UPDATE pipelines SET cancel_requested = (asked IS NOT DISTINCT FROM 'cancel')")
    op.alter_column("pipelines", "cancel_requested", nullable=False)
    op.drop_constraint(op.f("ck_pipelines_asked_is_known"), "pipelines")
    op.drop_column("pipelines", "asked")


def _index_live_by(column: str) -> None:
    op.drop_index("ix_pipelines_live", table_name="pipelines")
    live = sa.text("state IN ('queued', 'running')")
    op.create_index("ix_pipelines_live", "pipelines", [column], postgresql_where=live)


def _allow_outcomes(outcomes: tuple[str, ...]) -> None:
    name = op.f("ck_phase_runs_outcome_is_known")
    op.drop_constraint(name, "phase_runs")
    members = ", ".join(f"'{outcome}'" for outcome in outcomes)
    op.create_check_constraint(name, "phase_runs", f"outcome IN ({members})")
