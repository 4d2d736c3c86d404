"""What can go wrong with the embedded Postgres; each message says what to do."""

from __future__ import annotations

from app.errors import Unavailable


class EmbeddedPostgresError(Unavailable):
    code = "embedded_postgres"


class BinariesMissing(EmbeddedPostgresError):
    code = "embedded_postgres_missing"


class AccountUnavailable(EmbeddedPostgresError):
    """Postgres refuses root, and no other account could be used."""

    code = "embedded_postgres_account"


class FolderRefused(EmbeddedPostgresError):
    """A folder can not be reached, written or trusted."""

    code = "embedded_postgres_folder"


class WrongVersion(EmbeddedPostgresError):
    """The data folder was made by another major version of Postgres."""

    code = "embedded_postgres_version"


class InitFailed(EmbeddedPostgresError):
    code = "embedded_postgres_init"


class StartFailed(EmbeddedPostgresError):
    code = "embedded_postgres_start"


class StillInUse(StartFailed):
    """Processes of a server that crashed are still ending; a moment later a start succeeds."""
