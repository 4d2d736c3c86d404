"""Schedules and what is sent out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("input_template", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_schedules_name_is_a_name")),
        sa.CheckConstraint("number >= 0", name=op.f("ck_schedules_number_not_negative")),
        sa.CheckConstraint("missed IN ('skip', 'once', 'all')", name=op.f("ck_schedules_missed_is_known")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_due", "schedules", ["next_at"], postgresql_where=sa.text("NOT paused"))
    op.create_table(
        "schedule_ticks",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("tick_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('started', 'skipped', 'failed')", name=op.f("ck_schedule_ticks_outcome_is_known")
        ),
        sa.CheckConstraint(
            "(outcome = 'started') = (pipeline_id IS NOT NULL)",
            name=op.f("ck_schedule_ticks_started_has_a_run"),
        ),
        sa.CheckConstraint(
            "(outcome = 'failed') = (error IS NOT NULL)", name=op.f("ck_schedule_ticks_failed_says_why")
        ),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.name"], name=op.f("fk_schedule_ticks_schedule"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_schedule_ticks_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("schedule", "tick_at", name=op.f("pk_schedule_ticks")),
    )
    op.create_table(
        "destinations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_destinations_name_is_a_name")),
        sa.CheckConstraint("adapter IN ('http', 'command')", name=op.f("ck_destinations_adapter_is_known")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destinations")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("payload_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "idempotency_key ~ '^[0-9a-f]{64}$'", name=op.f("ck_deliveries_idempotency_key_is_sha256")
        ),
        sa.CheckConstraint(
            "payload_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_deliveries_payload_digest_is_sha256")
        ),
        sa.CheckConstraint(
            "state IN ('intended', 'sent', 'dry_run', 'failed')", name=op.f("ck_deliveries_state_is_known")
        ),
        sa.CheckConstraint("attempts >= 0 AND round >= 0", name=op.f("ck_deliveries_counters_not_negative")),
        sa.CheckConstraint(
            "(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_deliveries_sent_has_its_time")
        ),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_deliveries_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_deliveries_idempotency_key")),
    )
    op.create_index("ix_deliveries_of_run", "deliveries", ["pipeline_id", "id"])
    op.add_column("phase_configurations", sa.Column("destination", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_phase_configurations_destination"),
        "phase_configurations",
        "destinations",
        ["destination"],
        ["name"],
    )


def downgrade() -> None:
    op.drop_column("phase_configurations", "destination")
    op.drop_table("deliveries")
    op.drop_table("destinations")
    op.drop_table("schedule_ticks")
    op.drop_table("schedules")
