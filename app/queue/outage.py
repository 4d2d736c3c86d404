"""A database that is away: told once when it is lost, and once when it is back."""

from __future__ import annotations

import logging

import psycopg
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import InterfaceError, OperationalError

log = logging.getLogger(__name__)

LOST = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    OSError,
)
"""What a database raises that is away. Anything else is wrong with the database, or with us."""


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
