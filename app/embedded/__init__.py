"""The Postgres that the service brings along and starts by itself when no database URL is set."""

from app.embedded.errors import EmbeddedPostgresError
from app.embedded.keeping import kept
from app.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "kept"]
