"""Which project of a repository a file belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath


def nearest(root: Path, path: str, names: Sequence[str]) -> str | None:
    """The closest folder above `path` with one of the files, relative to `root`; None: there is none."""
    for folder in PurePosixPath(path).parents:
        if any((root / folder / name).is_file() for name in names):
            return str(folder)
    return None
