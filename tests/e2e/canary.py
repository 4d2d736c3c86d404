"""What must not change: a picture of a folder before and after."""

from __future__ import annotations

import hashlib
from pathlib import Path

Picture = dict[str, tuple[int, int, str]]
"""Path → mode, time of the last change in nanoseconds, SHA-256 of the content."""


def take(*folders: Path) -> Picture:
    """Of everything below these folders. Of `.git` only what belongs to the person: index, HEAD, config."""
    found = [path for folder in folders for path in folder.rglob("*") if _is_a_persons(path)]
    return {str(path): _look(path) for path in found}


def changes(before: Picture, after: Picture) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _is_a_persons(path: Path) -> bool:
    parts = path.parts
    return ".git" not in parts[:-1] or path.name in ("index", "HEAD", "config")


def _look(path: Path) -> tuple[int, int, str]:
    found = path.lstat()
    is_file = path.is_file() and not path.is_symlink()
    data = path.read_bytes() if is_file else b""
    time = 0 if path.name == ".git" else found.st_mtime_ns  # git makes files of its own there
    return found.st_mode, time, hashlib.sha256(data).hexdigest()
