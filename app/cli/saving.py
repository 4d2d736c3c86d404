"""Carries out `show --save-files`: writes the files of a run to a folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from app.artifacts import files
from app.artifacts.files import SUFFIXES
from app.cli.output import print_json, say, stdout
from app.errors import Invalid
from app.services import Services
from app.tables import RunFile

STEM = 60


async def save_files(services: Services, run_id: UUID, folder: Path, *, as_json: bool) -> None:
    """Nothing that is there is written over. Raises `Invalid` when the folder can not be written."""
    async with services.database.transaction() as session:
        rows = await files.every(session, run_id)
    saved = await asyncio.to_thread(_save_all, rows, folder)
    if as_json:
        print_json([str(path) for path in saved])
    elif not saved:
        say(stdout(), "the run has no files")
    for path in () if as_json else saved:
        say(stdout(), str(path))


def safe_name(row: RunFile) -> str:
    """A name in one folder, whatever a model called the file; its digest keeps it apart from others."""
    stem = re.sub("[^A-Za-z0-9_-]+", "-", row.name.rpartition(".")[0]).strip("-")[:STEM]
    return f"{stem or 'file'}-{row.sha256[:8]}{SUFFIXES.get(row.media_type, '.bin')}"


def _save_all(rows: Sequence[RunFile], folder: Path) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_save(row, folder) for row in rows]
    except OSError as error:
        raise Invalid(f"can not write to {folder}: {error.strerror}", place="--save-files") from error


def _save(row: RunFile, folder: Path) -> Path:
    path = folder / safe_name(row)
    try:
        with path.open("xb") as file:  # follows no link that is there
            file.write(row.data)
    except FileExistsError:
        if path.is_symlink() or path.read_bytes() != row.data:
            raise Invalid(f"{path} is there and is something else; choose another folder") from None
    return path
