"""Runs the migrations on the engine that `app.db` hands over."""

from alembic import context
from sqlalchemy import text

from app.tables import Base

MIGRATION_LOCK = 0x776F726B
"""Advisory lock: two processes that start together migrate one after the other."""


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """PgQueuer's tables belong to its own installer, which a migration calls."""
    return not (kind == "table" and (name or "").startswith("pgqueuer"))


def run() -> None:
    engine = context.config.attributes["engine"]
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            context.configure(
                connection=connection, target_metadata=Base.metadata, include_name=is_ours, compare_type=True
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


run()
