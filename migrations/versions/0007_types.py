"""Types for the closed sets in the tables that every phase writes."""

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


def upgrade() -> None:
    for table, column, name, members in SETS:
        op.execute(f"CREATE DOMAIN {name} AS text CONSTRAINT {name}_is_known CHECK (VALUE IN ({members}))")
        op.drop_constraint(op.f(f"ck_{table}_{column}_is_known"), table)
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE {name}")


def downgrade() -> None:
    for table, column, name, members in reversed(SETS):
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE text")
        op.create_check_constraint(op.f(f"ck_{table}_{column}_is_known"), table, f"{column} IN ({members})")
        op.execute(f"DROP DOMAIN {name}")
