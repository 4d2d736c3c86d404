"""The files of a commit as plain files: no `.git`, no link, no filter, nothing registered anywhere."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.failpoints import failpoint
from app.workspace.files import UnsafePath
from app.workspace.repository import SUBMODULE, Repository, TreeEntry, blob_reader, tracked_files
from app.workspace.writer import WriteFailed

_BATCH_BYTES = 4 * 1024 * 1024


async def checkout(repo: Repository, commit: str, target: Path) -> None:
    """Replace `target` with the files of the commit, built beside it and renamed into place.

    Content comes straight from the objects: `checkout-index` would run the smudge filters that the
    repository configures. A link becomes a plain file that holds its target; submodules are left out.
    """
    entries = [entry for entry in await tracked_files(repo, commit) if entry.mode != SUBMODULE]
    for entry in entries:
        _check_entry(entry.path)
    fresh = await asyncio.to_thread(_start, target)
    try:
        await _fill(repo, entries, fresh)
        await asyncio.to_thread(_swap, fresh, target)
    except BaseException as error:
        await asyncio.to_thread(shutil.rmtree, fresh, True)
        if isinstance(error, OSError):
            raise WriteFailed(f"commit {commit[:12]} can not be checked out: {error.strerror}") from error
        raise


async def _fill(repo: Repository, entries: Sequence[TreeEntry], root: Path) -> None:
    batch: list[tuple[str, int, bytes]] = []
    size = 0
    async with blob_reader(repo) as read:
        for entry in entries:
            data = await read(entry.object)
            batch.append((entry.path, 0o755 if entry.mode == "100755" else 0o644, data))
            size += len(data)
            if size > _BATCH_BYTES:
                await asyncio.to_thread(_write, root, batch)
                batch, size = [], 0
    await asyncio.to_thread(_write, root, batch)


def _check_entry(path: str) -> None:
    """A crafted tree can hold names that git itself would never add."""
    if any(part in ("", ".", "..") or part.casefold() == ".git" for part in path.split("/")):
        raise UnsafePath(path, "hostile_tree", "the commit holds a path that leaves its folder")


def _start(target: Path) -> Path:
    """An empty folder beside the target; what a killed checkout left there is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = target.parent / f".{target.name}-{secrets.token_hex(8)}"
    fresh.mkdir()
    fresh.chmod(0o755)  # the sandbox reads the files as another user
    return fresh


def _write(root: Path, batch: Sequence[tuple[str, int, bytes]]) -> None:
    for path, mode, data in batch:
        _make_folders(root, path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(root / path, flags, 0o600), "wb") as out:
            out.write(data)
            os.fchmod(out.fileno(), mode)


def _make_folders(root: Path, path: str) -> None:
    missing = []
    folder = (root / path).parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
        one.chmod(0o755)  # whatever the umask says


def _swap(fresh: Path, target: Path) -> None:
    """Two renames: a crash between them leaves no target, and the next run builds it anew."""
    with failpoint("workspace.swap"):
        _rename(fresh, target)


def _rename(fresh: Path, target: Path) -> None:
    if os.path.lexists(target):
        old = target.parent / f".{target.name}-{secrets.token_hex(8)}"
        target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        fresh.rename(target)
