"""Answers of models that are given again to the very same question."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LEDGER = "pipeline_prompt_usage"
HITS = f"ix_{LEDGER}_hits"


def upgrade() -> None:
    op.create_table(
        "response_cache",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("usage_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("key ~ '^[0-9a-f]{64}$'", name=op.f("ck_response_cache_key_is_sha256")),
        sa.CheckConstraint("size > 0", name=op.f("ck_response_cache_size_positive")),
        sa.ForeignKeyConstraint(["usage_id"], [f"{LEDGER}.id"], name=op.f("fk_response_cache_usage_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_response_cache")),
    )
    for column in ("usage_id", "expires_at", "last_used_at"):
        op.create_index(op.f(f"ix_response_cache_{column}"), "response_cache", [column])
    op.create_table(
        "response_cache_size",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_response_cache_size_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_cache_size")),
    )
    op.create_index(HITS, LEDGER, ["started_at"], postgresql_where=sa.text("cached_from IS NOT NULL"))


def downgrade() -> None:
    op.drop_index(HITS, LEDGER)
    op.drop_table("response_cache_size")
    op.drop_table("response_cache")
