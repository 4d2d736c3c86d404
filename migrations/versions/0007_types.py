"""Types for closed sets and digests in the tables that every phase writes."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = "'created', 'queued', 'running', 'paused', 'waiting', 'succeeded', 'failed', 'cancelled'"
OUTCOMES = "'running', 'passed', 'rejected', 'failed', 'suspect', 'abandoned', 'waiting', 'cancelled'"
SETS = (
    ("pipelines", "state", "run_state", STATES),
    ("pipelines", "target", "run_target", "'step', 'end'"),
    ("pipelines", "asked", "run_asked", "'pause', 'cancel'"),
    ("phase_runs", "outcome", "phase_outcome", OUTCOMES),
)

DIGESTS = ("schema_digest", "content_digest")
IS_DIGEST = "length(VALUE) = 64 AND translate(VALUE, '0123456789abcdef', '') = ''"


def upgrade() -> None:
    for table, column, name, members in SETS:
        op.execute(f"CREATE DOMAIN {name} AS text CONSTRAINT {name}_is_known CHECK (VALUE IN ({members}))")
        op.drop_constraint(op.f(f"ck_{table}_{column}_is_known"), table)
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE {name}")
    op.execute(f"CREATE DOMAIN sha256 AS text CONSTRAINT sha256_is_hexadecimal CHECK ({IS_DIGEST})")
    for column in DIGESTS:
        op.drop_constraint(op.f(f"ck_artifacts_{column}_is_sha256"), "artifacts")
        op.execute(f"ALTER TABLE artifacts ALTER {column} TYPE sha256")


def downgrade() -> None:
    for column in DIGESTS:
        op.execute(f"ALTER TABLE artifacts ALTER {column} TYPE text")
        name = op.f(f"ck_artifacts_{column}_is_sha256")
        op.create_check_constraint(name, "artifacts", f"{column} ~ '^[0-9a-f]{{64}}$'")
    op.execute("DROP DOMAIN sha256")
    for table, column, name, members in reversed(SETS):
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE text")
        op.create_check_constraint(op.f(f"ck_{table}_{column}_is_known"), table, f"{column} IN ({members})")
        op.execute(f"DROP DOMAIN {name}")
