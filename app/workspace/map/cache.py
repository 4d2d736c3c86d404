"""Keeps the outlines of a repository by blob in one file, replaced as a whole: a warm map parses nothing."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from app.workspace.map.outline import Key, Outline

FORMAT = "outlines 2"
"""Another number for other rules: what older ones made is parsed again."""
MAX_KEPT = 50_000
"""Outlines beside those of the commit at hand."""
UNUSED_DAYS = 30
MAX_BYTES = 512 * 1024 * 1024


def cache_file(state_dir: Path, repository: Path) -> Path:
    """One for each repository, so that none is answered with what another one put there."""
    return state_dir / "maps" / f"{sha256(os.fsencode(repository)).hexdigest()[:32]}.jsonl"


def load(path: Path) -> dict[Key, Outline]:
    """What is kept; a line that is damaged is as if it were not there."""
    found: dict[Key, Outline] = {}
    try:
        if path.stat().st_size > MAX_BYTES:
            return found
        head, *lines = path.read_bytes().split(b"\n")
        os.utime(path)
    except OSError:
        return found
    for line in lines if head == FORMAT.encode() else ():
        with suppress(ValueError, KeyError, TypeError):
            mark, _, body = line.partition(b" ")
            if int(mark, 16) == crc32(body):
                blob, language, data = json.loads(body)
                found[blob, language] = Outline.from_json(data)
    return found


def store(path: Path, outlines: Mapping[Key, Outline], current: Collection[Key]) -> None:
    """Replace the file; of two processes the last one wins, and the other parses a little again.

    A full disk or a folder that can not be written costs time, never a run.
    """
    older = [key for key in outlines if key not in current][-MAX_KEPT:]
    lines = [FORMAT.encode()]
    for key in (*older, *(key for key in current if key in outlines)):
        body = json.dumps([*key, outlines[key].as_json()], separators=(",", ":")).encode()
        lines.append(b"%08x %s" % (crc32(body), body))
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_unused(path.parent)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(b"\n".join(lines))
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _forget_unused(folder: Path) -> None:
    """Caches of repositories that nobody works on any more, and what a killed process left."""
    oldest = time.time() - UNUSED_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
