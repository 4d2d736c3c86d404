"""Routes say what they are for and who is asked next; the ledger says which way a call came."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

THINKING = "'off', 'on', 'low', 'medium', 'high'"


def upgrade() -> None:
    _profiles()
    _routes()
    _ledger()


def _profiles() -> None:
    op.add_column("model_profiles", sa.Column("vram_gb", sa.Numeric(6, 2), nullable=True))
    op.add_column("model_profiles", sa.Column("max_turns", sa.Integer(), server_default="3", nullable=False))
    op.add_column(
        "model_profiles", sa.Column("code_channel", sa.Text(), server_default="json", nullable=False)
    )
    for name, condition in {
        "vram_positive": "vram_gb > 0",
        "max_turns_are_few": "max_turns BETWEEN 1 AND 10",
        "code_channel_is_known": "code_channel IN ('json', 'blocks')",
    }.items():
        op.create_check_constraint(op.f(f"ck_model_profiles_{name}"), "model_profiles", condition)


def _routes() -> None:
    op.add_column("routes", sa.Column("think", sa.Text(), nullable=True))
    op.add_column("routes", sa.Column("latency_s", sa.Numeric(8, 2), nullable=True))
    op.add_column(
        "routes", sa.Column("critical", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "routes",
        sa.Column("cascade", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )
    op.create_check_constraint(op.f("ck_routes_latency_positive"), "routes", "latency_s > 0")
    op.create_check_constraint(op.f("ck_routes_think_is_known"), "routes", f"think IN ({THINKING})")
    op.create_table(
        "route_keywords",
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            r"keyword = lower(keyword) AND keyword ~ '^\S(.{0,62}\S)?$'",
            name=op.f("ck_route_keywords_keyword_is_plain"),
        ),
        sa.ForeignKeyConstraint(["route"], ["routes.name"], name=op.f("fk_route_keywords_route")),
        sa.PrimaryKeyConstraint("keyword", name=op.f("pk_route_keywords")),
    )


def _ledger() -> None:
    for column in (
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("cascade_step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("weakened", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("thinking_estimated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cached_from", sa.BigInteger(), nullable=True),
    ):
        op.add_column("pipeline_prompt_usage", column)


def downgrade() -> None:
    for name in ("cached_from", "thinking_estimated", "weakened", "mode", "reason", "cascade_step", "route"):
        op.drop_column("pipeline_prompt_usage", name)
    op.drop_table("route_keywords")
    for name in ("cascade", "critical", "latency_s", "think"):
        op.drop_column("routes", name)
    for name in ("code_channel", "max_turns", "vram_gb"):
        op.drop_column("model_profiles", name)
