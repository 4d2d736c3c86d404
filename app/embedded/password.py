"""The password of the embedded Postgres, which only a connection over TCP needs; it lies in a 0600 file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.embedded.errors import FolderRefused


def new(file: Path) -> str:
    value = secrets.token_urlsafe(24)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(value)
    return value


def read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError as error:
        raise FolderRefused(
            f"{file} is missing, and a connection over TCP needs it; put it back from a backup"
        ) from error
