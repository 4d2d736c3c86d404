"""One JSON object per line on stderr, UTC, with control characters escaped."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """A record as one line; JSON escapes whatever a name or message holds."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def configure(level: str) -> None:
    """Log to stderr from `level` on. What libraries say counts from `warning` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("app", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    # a retry is how a wake-up is kept: normal, and said once by us
    logging.getLogger("pgqueuer").setLevel(logging.ERROR)
    # it tells of each try to connect; that the database is away is said once by us
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
