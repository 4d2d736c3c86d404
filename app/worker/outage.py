"""A database that is away: told once when it is lost, and once when it is back."""

from __future__ import annotations

import logging

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

LOST = (SQLAlchemyError, DatabaseError, PoolTimeout, OSError)
"""What a database raises that is away."""


class Outage:
    """Says once that the database is away, and once that it is back: an outage must not fill the log."""

    def __init__(self) -> None:
        self._away: set[str] = set()

    def lost(self, what: str, error: BaseException) -> None:
        level = logging.DEBUG if self._away else logging.WARNING
        self._away.add(what)
        lines = str(error).strip().splitlines()
        log.log(
            level, "%s: the database does not answer: %s", what, lines[0] if lines else type(error).__name__
        )

    def back(self, what: str) -> None:
        """It answered just now."""
        if self._away:
            log.info("%s: the database is back", what)
            self._away.clear()
