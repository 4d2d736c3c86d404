"""The first tables: prompts, definitions, runs, artifacts, ledger, and the queue."""

import sqlalchemy as sa
from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

IMMUTABLE = ("role_prompts", "definition_snapshots")
"""Tables whose rows never change once written."""


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'author', 'admin')", name=op.f("ck_api_tokens_role_is_known")
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_api_tokens_sha256_is_32_bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_tokens_sha256")),
    )
    op.create_table(
        "artifact_schemas",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("json_schema", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_artifact_schemas_id_is_a_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_schemas")),
    )
    op.create_table(
        "definition_snapshots",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_definition_snapshots_sha256_is_sha256")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_definition_snapshots")),
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "request_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_idempotent_requests_request_digest_is_sha256")
        ),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotent_requests")),
    )
    op.create_table(
        "model_profiles",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("context_tokens", sa.Integer(), nullable=False),
        sa.Column("max_output_tokens", sa.Integer(), nullable=False),
        sa.Column("think", sa.Text(), nullable=False),
        sa.Column("temperature", sa.Numeric(precision=4, scale=2), nullable=True),
        sa.Column("timeout_s", sa.Numeric(precision=8, scale=2), nullable=True),
        sa.Column(
            "price_usd_per_mtok", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name=op.f("ck_model_profiles_name_is_a_name")
        ),
        sa.CheckConstraint(
            "think IN ('off', 'on', 'low', 'medium', 'high')", name=op.f("ck_model_profiles_think_is_known")
        ),
        sa.CheckConstraint("context_tokens > 0", name=op.f("ck_model_profiles_context_tokens_positive")),
        sa.CheckConstraint(
            "max_output_tokens > 0", name=op.f("ck_model_profiles_max_output_tokens_positive")
        ),
        sa.CheckConstraint("timeout_s > 0", name=op.f("ck_model_profiles_timeout_positive")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_model_profiles")),
    )
    op.create_table(
        "pipeline_definitions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("write_documents", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_pipeline_definitions_name_is_a_name")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pipeline_definitions")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("base_branch", sa.Text(), nullable=True),
        sa.Column("test_command", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("python", sa.Text(), nullable=True),
        sa.Column("protected_paths", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("permitted_paths", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name=op.f("ck_projects_name_is_a_name")),
        sa.CheckConstraint(
            "jsonb_array_length(test_command) > 0", name=op.f("ck_projects_test_command_not_empty")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "role_prompts",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("variables", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_role_prompts_digest_is_sha256")),
        sa.CheckConstraint("role ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_role_prompts_role_is_a_name")),
        sa.CheckConstraint("version > 0", name=op.f("ck_role_prompts_version_counts_from_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_prompts")),
        sa.UniqueConstraint("role", "version", name=op.f("uq_role_prompts_role_version")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "phase_configurations",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("rework_role", sa.Text(), nullable=True),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("apply", sa.Text(), nullable=True),
        sa.Column("on_reject", sa.Text(), nullable=True),
        sa.Column("max_rework", sa.Integer(), nullable=False),
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("apply IN ('workspace')", name=op.f("ck_phase_configurations_apply_is_known")),
        sa.CheckConstraint(
            "name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_phase_configurations_name_is_a_name")
        ),
        sa.CheckConstraint("max_rework >= 0", name=op.f("ck_phase_configurations_max_rework_not_negative")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_phase_configurations_position_counts_from_zero")),
        sa.ForeignKeyConstraint(
            ["definition"],
            ["pipeline_definitions.name"],
            name=op.f("fk_phase_configurations_definition"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phase_configurations")),
        sa.UniqueConstraint("definition", "name", name=op.f("uq_phase_configurations_definition_name")),
        sa.UniqueConstraint(
            "definition",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_phase_configurations_definition_position"),
        ),
    )
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("epic_description", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("base_commit", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))",
            name=op.f("ck_pipelines_finished_when_terminal"),
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (error IS NOT NULL)", name=op.f("ck_pipelines_failed_says_why")
        ),
        sa.CheckConstraint(
            "state = 'running' OR worker IS NULL", name=op.f("ck_pipelines_only_running_has_a_lease")
        ),
        sa.CheckConstraint(
            "state IN ('created', 'queued', 'running', 'paused', 'waiting', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_pipelines_state_is_known"),
        ),
        sa.CheckConstraint("target IN ('step', 'end')", name=op.f("ck_pipelines_target_is_known")),
        sa.CheckConstraint(
            "(worker IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_pipelines_lease_has_a_worker")
        ),
        sa.CheckConstraint("fence >= 0 AND attempts >= 0", name=op.f("ck_pipelines_counters_not_negative")),
        sa.CheckConstraint("length(btrim(epic_description)) > 0", name=op.f("ck_pipelines_epic_not_empty")),
        sa.CheckConstraint("position >= 0 AND round >= 0", name=op.f("ck_pipelines_progress_not_negative")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_pipelines_project_id")),
        sa.ForeignKeyConstraint(["retry_of"], ["pipelines.id"], name=op.f("fk_pipelines_retry_of")),
        sa.ForeignKeyConstraint(
            ["snapshot"], ["definition_snapshots.sha256"], name=op.f("fk_pipelines_snapshot")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
    )
    op.create_index(
        "ix_pipelines_live",
        "pipelines",
        ["updated_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index("ix_pipelines_newest", "pipelines", ["created_at", "id"], unique=False)
    op.create_table(
        "role_prompt_labels",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column(
            "moved_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "label ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_role_prompt_labels_label_is_a_name")
        ),
        sa.ForeignKeyConstraint(
            ["role", "version"],
            ["role_prompts.role", "role_prompts.version"],
            name=op.f("fk_role_prompt_labels_role_version"),
        ),
        sa.PrimaryKeyConstraint("role", "label", name=op.f("pk_role_prompt_labels")),
    )
    op.create_table(
        "routes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_routes_name_is_a_name")),
        sa.ForeignKeyConstraint(["profile"], ["model_profiles.name"], name=op.f("fk_routes_profile")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_routes")),
    )
    op.create_table(
        "commit_intents",
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "committed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_commit_intents_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("pipeline_id", name=op.f("pk_commit_intents")),
    )
    op.create_table(
        "events",
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("seq > 0", name=op.f("ck_events_seq_counts_from_one")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_events_pipeline_id")),
        sa.PrimaryKeyConstraint("pipeline_id", "seq", name=op.f("pk_events")),
    )
    op.create_table(
        "phase_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("try", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'running') = (ended_at IS NULL)", name=op.f("ck_phase_runs_ended_unless_running")
        ),
        sa.CheckConstraint(
            "outcome IN ('running', 'passed', 'rejected', 'failed', 'suspect', 'abandoned', 'cancelled')",
            name=op.f("ck_phase_runs_outcome_is_known"),
        ),
        sa.CheckConstraint('round >= 0 AND "try" >= 0', name=op.f("ck_phase_runs_counters_not_negative")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_phase_runs_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phase_runs")),
        sa.UniqueConstraint(
            "pipeline_id",
            "phase",
            "item",
            "round",
            "try",
            name=op.f("uq_phase_runs_pipeline_id_phase_item_round_try"),
        ),
    )
    op.create_index(
        "one_running_phase_run",
        "phase_runs",
        ["pipeline_id", "item"],
        unique=True,
        postgresql_where=sa.text("outcome = 'running'"),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("schema_digest", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("phase_run_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "content_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_artifacts_content_digest_is_sha256")
        ),
        sa.CheckConstraint(
            "schema_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_artifacts_schema_digest_is_sha256")
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_artifacts_version_counts_from_one")),
        sa.ForeignKeyConstraint(["phase_run_id"], ["phase_runs.id"], name=op.f("fk_artifacts_phase_run_id")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_artifacts_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("phase_run_id", name=op.f("uq_artifacts_phase_run_id")),
        sa.UniqueConstraint(
            "pipeline_id", "name", "version", name=op.f("uq_artifacts_pipeline_id_name_version")
        ),
    )
    op.create_index(
        "one_current_artifact",
        "artifacts",
        ["pipeline_id", "name"],
        unique=True,
        postgresql_where=sa.text("current"),
    )
    op.create_table(
        "pipeline_prompt_usage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=True),
        sa.Column("phase_run_id", sa.BigInteger(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("prompt_digest", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Integer(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("reserved_tokens", sa.Integer(), nullable=False),
        sa.Column("reserved_usd", sa.Numeric(precision=14, scale=8), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_read_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("thinking_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=14, scale=8), nullable=True),
        sa.Column("price_version", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'open') = (settled_at IS NULL)",
            name=op.f("ck_pipeline_prompt_usage_settled_unless_open"),
        ),
        sa.CheckConstraint(
            "prompt_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_pipeline_prompt_usage_prompt_digest_is_sha256")
        ),
        sa.CheckConstraint(
            "request_digest ~ '^[0-9a-f]{64}$'",
            name=op.f("ck_pipeline_prompt_usage_request_digest_is_sha256"),
        ),
        sa.CheckConstraint(
            "input_tokens >= 0 AND cache_read_tokens >= 0 AND cache_write_tokens >= 0 AND output_tokens >= 0 AND thinking_tokens >= 0 AND cost_usd >= 0",
            name=op.f("ck_pipeline_prompt_usage_amounts_not_negative"),
        ),
        sa.CheckConstraint(
            "reserved_tokens >= 0 AND reserved_usd >= 0",
            name=op.f("ck_pipeline_prompt_usage_reservation_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["phase_run_id"], ["phase_runs.id"], name=op.f("fk_pipeline_prompt_usage_phase_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_pipeline_prompt_usage_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_prompt_usage")),
    )
    op.create_index("ix_pipeline_prompt_usage_day", "pipeline_prompt_usage", ["started_at"], unique=False)
    op.create_index(
        "ix_pipeline_prompt_usage_run", "pipeline_prompt_usage", ["pipeline_id", "id"], unique=False
    )
    op.create_table(
        "model_answers",
        sa.Column("usage_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "request_digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_model_answers_request_digest_is_sha256")
        ),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_model_answers_pipeline_id")),
        sa.ForeignKeyConstraint(
            ["usage_id"], ["pipeline_prompt_usage.id"], name=op.f("fk_model_answers_usage_id")
        ),
        sa.PrimaryKeyConstraint("usage_id", name=op.f("pk_model_answers")),
        sa.UniqueConstraint(
            "pipeline_id",
            "phase",
            "item",
            "round",
            "step",
            "request_digest",
            name=op.f("uq_model_answers_pipeline_id_phase_item_round_step_request_digest"),
        ),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % never change; add a new one', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    for table in IMMUTABLE:
        op.execute(
            f"CREATE TRIGGER {table}_are_immutable BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    install = QueryBuilderEnvironment().build_install_query(create_schema=False)
    op.get_bind().exec_driver_sql(install.replace("%", "%%"))


def downgrade() -> None:
    uninstall = QueryBuilderEnvironment().build_uninstall_query()
    op.get_bind().exec_driver_sql(uninstall.replace("%", "%%"))
    op.drop_table("model_answers")
    op.drop_index("ix_pipeline_prompt_usage_run", table_name="pipeline_prompt_usage")
    op.drop_index("ix_pipeline_prompt_usage_day", table_name="pipeline_prompt_usage")
    op.drop_table("pipeline_prompt_usage")
    op.drop_index("one_current_artifact", table_name="artifacts", postgresql_where=sa.text("current"))
    op.drop_table("artifacts")
    op.drop_index(
        "one_running_phase_run", table_name="phase_runs", postgresql_where=sa.text("outcome = 'running'")
    )
    op.drop_table("phase_runs")
    op.drop_table("events")
    op.drop_table("commit_intents")
    op.drop_table("routes")
    op.drop_table("role_prompt_labels")
    op.drop_index("ix_pipelines_newest", table_name="pipelines")
    op.drop_index(
        "ix_pipelines_live",
        table_name="pipelines",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_table("pipelines")
    op.drop_table("phase_configurations")
    op.drop_table("workers")
    op.drop_table("role_prompts")
    op.drop_table("projects")
    op.drop_table("pipeline_definitions")
    op.drop_table("model_profiles")
    op.drop_table("idempotent_requests")
    op.drop_table("definition_snapshots")
    op.drop_table("artifact_schemas")
    op.drop_table("api_tokens")
    op.execute("DROP FUNCTION refuse_change")
