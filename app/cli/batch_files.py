"""The files of the batch commands: inputs are read, results are written whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import UUID

from app.db import Database
from app.errors import Invalid
from app.pipelines.batches import results
from app.pipelines.batches.inputs import Format
from app.tables import ItemState

SUFFIXES = {".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".csv": Format.CSV}


def format_of(path: Path) -> Format:
    """By the end of its name; stdin is JSON lines. Raises `Invalid`."""
    if str(path) == "-":
        return Format.JSONL
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise Invalid(f"{path}: the name of a file of a batch ends with {', '.join(SUFFIXES)}", place="file")
    return found


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, or stdin. Raises `Invalid` when it can not be read."""
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path} can not be read: {error.strerror}", place="file") from error
    with file:
        yield file


async def write(
    database: Database, batch_id: UUID, form: Format, state: ItemState | None, out: Path | None
) -> None:
    """The results to the file or to stdout. Raises `Invalid` when it can not be written, and `Gone`."""
    if out is None:
        async for part in results.lines(database, batch_id, form, state):
            sys.stdout.write(part)
        return
    unfinished = out.with_name(f"{out.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            async for part in results.lines(database, batch_id, form, state):
                file.write(part)
        unfinished.replace(out)
    except OSError as error:
        raise Invalid(f"{out} can not be written: {error.strerror}", place="out") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
