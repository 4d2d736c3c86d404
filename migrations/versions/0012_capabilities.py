"""What models were found to be able to do, by server version."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CHECKS = {
    "mode_is_known": "mode IN ('grammar', 'tool', 'prompt')",
    "counts_fit": "0 <= correct AND correct <= compliant AND compliant <= enums AND enums <= valid "
    "AND valid <= answered AND answered <= asked",
    "tokens_not_negative": "output_tokens >= 0 AND thinking_tokens >= 0",
    "speeds_not_negative": "tokens_per_s >= 0 AND p50_s >= 0 AND p95_s >= p50_s",
}
COUNTS = ("asked", "answered", "valid", "enums", "compliant", "correct", "output_tokens", "thinking_tokens")


def upgrade() -> None:
    op.create_table(
        "model_capabilities",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("backend", "model", "server_version", "mode")
        ),
        sa.Column("thinks", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("tokens_per_s", "p50_s", "p95_s")),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_model_capabilities_{name}"))
            for name, condition in CHECKS.items()
        ),
        sa.PrimaryKeyConstraint(
            "backend", "model", "server_version", "mode", "thinks", name=op.f("pk_model_capabilities")
        ),
    )


def downgrade() -> None:
    op.drop_table("model_capabilities")
