"""Gates, baselines of tests, files of runs, pushes, and what a project declares about its commands."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ADAPTERS = "'pytest', 'unittest', 'go', 'node', 'maven', 'junit', 'gates'"
JSONB = postgresql.JSONB(astext_type=sa.Text())


def created_at(name: str = "created_at") -> sa.Column:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
    )


def upgrade() -> None:
    for name, default in (("test_adapter", "'pytest'"), ("on_moved_base", "'keep'")):
        op.add_column("projects", sa.Column(name, sa.Text(), server_default=sa.text(default), nullable=False))
    for name, default in (("sandbox", "'{}'"), ("gates", "'[]'")):
        op.add_column("projects", sa.Column(name, JSONB, server_default=sa.text(default), nullable=False))
    op.add_column("projects", sa.Column("setup_command", JSONB, nullable=True))
    op.add_column("projects", sa.Column("push_to", sa.Text(), nullable=True))
    op.drop_constraint(op.f("ck_projects_test_command_not_empty"), "projects", type_="check")
    op.create_check_constraint(
        op.f("ck_projects_test_command_not_empty"),
        "projects",
        "jsonb_array_length(test_command) > 0 OR test_adapter = 'gates'",
    )
    op.create_check_constraint(
        op.f("ck_projects_test_adapter_is_known"), "projects", f"test_adapter IN ({ADAPTERS})"
    )
    op.create_check_constraint(
        op.f("ck_projects_on_moved_base_is_known"), "projects", "on_moved_base IN ('keep', 'merge')"
    )
    for name, default in (("permits", "'[]'"), ("gates", "'[]'"), ("settings", "'{}'")):
        op.add_column(
            "phase_configurations", sa.Column(name, JSONB, server_default=sa.text(default), nullable=False)
        )
    op.create_table(
        "gates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("files", JSONB, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        created_at(),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name=op.f("ck_gates_name_is_a_name")),
        sa.CheckConstraint("jsonb_array_length(files) > 0", name=op.f("ck_gates_files_not_empty")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gates")),
    )
    op.create_table(
        "test_baselines",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("command_sha256", sa.Text(), nullable=False),
        sa.Column("body", JSONB, nullable=False),
        created_at(),
        sa.CheckConstraint(
            "command_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_test_baselines_command_sha256_is_sha256")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_test_baselines_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "commit", "command_sha256", name=op.f("pk_test_baselines")),
    )
    op.create_table(
        "run_files",
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        created_at(),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_run_files_sha256_is_sha256")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_run_files_pipeline_id")),
        sa.PrimaryKeyConstraint("pipeline_id", "sha256", name=op.f("pk_run_files")),
    )
    op.create_table(
        "pushes",
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("url", "branch", "commit", "state")),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        created_at("updated_at"),
        sa.CheckConstraint(
            "state IN ('pushed', 'committed_not_pushed')", name=op.f("ck_pushes_state_is_known")
        ),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_pushes_pipeline_id")),
        sa.PrimaryKeyConstraint("pipeline_id", name=op.f("pk_pushes")),
    )


def downgrade() -> None:
    for name in ("pushes", "run_files", "test_baselines", "gates"):
        op.drop_table(name)
    for name in ("settings", "gates", "permits"):
        op.drop_column("phase_configurations", name)
    op.execute("DELETE FROM projects WHERE jsonb_array_length(test_command) = 0")
    for name in ("on_moved_base_is_known", "test_adapter_is_known", "test_command_not_empty"):
        op.drop_constraint(op.f(f"ck_projects_{name}"), "projects", type_="check")
    op.create_check_constraint(
        op.f("ck_projects_test_command_not_empty"), "projects", "jsonb_array_length(test_command) > 0"
    )
    for name in ("push_to", "setup_command", "gates", "sandbox", "on_moved_base", "test_adapter"):
        op.drop_column("projects", name)
