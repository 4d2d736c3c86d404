"""Folders that runs and killed processes left: what there is, since when, how big, and away with them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

TEMPORARY = re.compile(r"workbench-(probes|demo|index|outbox|merge|run)-[a-z0-9_]{8}")
"""Temporary folders of the service; each is gone with its block, unless the process was killed in it."""


@dataclass(frozen=True)
class Leftover:
    path: Path
    idle_s: float
    """Since something in its first levels was made, renamed or removed, in seconds."""


@dataclass(frozen=True)
class RunFolder(Leftover):
    run: UUID


def run_folders(state: Path) -> list[RunFolder]:
    """The workspaces in this state folder; what is not named like a run is not ours and left alone."""
    found = []
    for path in _folders(state / "workspaces"):
        with suppress(ValueError, OSError):
            run = UUID(path.name)
            if str(run) == path.name:
                found.append(RunFolder(path, _idle(path, levels=2), run))
    return found


def temporary_folders(*, idle_s: float, folder: Path | None = None) -> list[Leftover]:
    """Our own in the temp folder that nothing has touched for this long, in seconds."""
    found = []
    for path in _folders(folder or Path(tempfile.gettempdir())):
        with suppress(OSError):
            if _is_ours(path):
                left = Leftover(path, _idle(path, levels=1))
                if left.idle_s >= idle_s:
                    found.append(left)
    return found


def size(path: Path) -> int:
    """Bytes of the files below. What vanishes meanwhile counts nothing; links are not followed."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def remove(path: Path) -> int | None:
    """Bytes of the files that are gone with the folder; None: it is gone already, or not ours."""
    freed = size(path)
    if not path.is_dir():
        return None
    shutil.rmtree(path, ignore_errors=True)
    return None if path.exists() else freed


def _folders(parent: Path) -> Iterator[Path]:
    """Real folders, no links."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def _is_ours(path: Path) -> bool:
    """By its name and owner; root hands the folder of a private index to the owner of the repository."""
    kind = TEMPORARY.fullmatch(path.name)
    if kind is None:
        return False
    return path.lstat().st_uid == os.geteuid() or (os.geteuid() == 0 and kind[1] == "index")


def _idle(path: Path, levels: int) -> float:
    return time.time() - _touched(path, levels)


def _touched(path: Path, levels: int) -> float:
    """When an entry of the folder, or of those some levels below it, last came or went."""
    times = [path.lstat().st_mtime]
    for below in _folders(path) if levels else ():
        with suppress(OSError):
            times.append(_touched(below, levels - 1))
    return max(times)
