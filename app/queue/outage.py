"""A database that is away: told once when it is lost, and once when it is back."""

from __future__ import annotations

import logging

from app import db

log = logging.getLogger(__name__)

LOST = (*db.LOST, OSError)


class Outage:
    """Says once that the database is away, and once that it is back: an outage must not fill the log."""

    def __init__(self) -> None:
        self._away: set[str] = set()

    def lost(self, what: str, error: BaseException) -> None:
        level = logging.DEBUG if self._away else logging.WARNING
        self._away.add(what)
        log.log(level, "%s: the database does not answer: %s", what, db.first_line(error))

    def back(self, what: str) -> None:
        """It answered just now."""
        if self._away:
            log.info("%s: the database is back", what)
            self._away.clear()
