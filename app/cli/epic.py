"""The epic as a person gives it: a text, `@FILE`, or `-` for stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from app.errors import Invalid


def read_epic(given: str) -> str:
    """Raises `Invalid` when the file can not be read."""
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    path = Path(given[1:])
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the epic in {path} can not be read: {error}") from error
