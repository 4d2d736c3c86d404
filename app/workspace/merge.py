"""Three-way merges of single files, with no work tree, no merge driver and no index."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.workspace.files import SourceFile, UnsafePath
from app.workspace.fileset import check_collisions
from app.workspace.git import Caller, GitError, git
from app.workspace.repository import LINK, SUBMODULE, Repository, TreeEntry, blob_reader, tracked_files

_CONFLICTS = range(1, 128)
"""Exit codes of `git merge-file`: how many places clash."""


@dataclass(frozen=True)
class Clash:
    """A file that can not be merged."""

    path: str
    why: str


@dataclass(frozen=True)
class Merge:
    """What a change becomes on another commit."""

    files: tuple[SourceFile, ...]
    """All that is still to be changed there."""
    merged: tuple[str, ...] = ()
    """Paths that both sides had changed."""
    clashes: tuple[Clash, ...] = ()


async def merge_files(repo: Repository, base: str, onto: str, files: Sequence[SourceFile]) -> Merge:
    """The change from `base` to the files, as a change of `onto`."""
    before = {entry.path: entry for entry in await tracked_files(repo, base)}
    there = {entry.path: entry for entry in await tracked_files(repo, onto)}
    folders = {folder for path in there for folder in _folders(path)}
    kept: list[SourceFile] = []
    merged: list[str] = []
    clashes: list[Clash] = []
    async with blob_reader(repo) as read:
        for file in files:
            old, new = before.get(file.path), there.get(file.path)
            if (why := _in_the_way(file.path, old, new, there, folders)) is not None:
                clashes.append(Clash(file.path, why))
            elif _same(old, new):
                kept.append(file)
            elif new is None:
                clashes.append(Clash(file.path, "it was removed there"))
            elif (ours := await read(new.object)) == file.data():
                continue
            elif old is None:
                clashes.append(Clash(file.path, "it was added there too"))
            elif (text := await three_way(repo.git, ours, await read(old.object), file.data())) is None:
                clashes.append(Clash(file.path, "both changed the same lines"))
            else:
                kept.append(SourceFile(file.path, text))
                merged.append(file.path)
    clashes += _collisions([file.path for file in kept if file.path not in there], there)
    return Merge(tuple(kept), tuple(merged), tuple(clashes))


async def three_way(caller: Caller, ours: bytes, base: bytes, theirs: bytes) -> str | None:
    """Both changes of the base in one text; None: they clash, or it is no text.

    `merge-file` reads no attributes, so no merge driver that the repository configures is started.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-merge-") as folder:
        names = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for name, data in zip(names, (ours, base, theirs), strict=True):
            name.write_bytes(data)
        if caller.user is not None:
            for path in (Path(folder), *names):
                os.chown(path, caller.user, caller.group if caller.group is not None else -1)
        try:
            merged = await git(caller, "merge-file", "--stdout", "--quiet", *map(str, names))
            return merged.decode("utf-8")
        except UnicodeDecodeError:
            return None
        except GitError as error:
            if error.returncode in _CONFLICTS or error.returncode == 255:  # the latter: it is no text
                return None
            raise


def _in_the_way(
    path: str,
    old: TreeEntry | None,
    new: TreeEntry | None,
    there: Mapping[str, TreeEntry],
    folders: set[str],
) -> str | None:
    """Why no plain file can be at the path."""
    if path in folders:
        return "there is a folder of that name"
    if any(folder in there for folder in _folders(path)):
        return "there is a file in the place of its folder"
    if any(entry is not None and entry.mode in (LINK, SUBMODULE) for entry in (old, new)):
        return "it is a link or a submodule"
    return None


def _collisions(added: Sequence[str], there: Mapping[str, TreeEntry]) -> list[Clash]:
    """A new name that some system takes for one that is there by now."""
    try:
        check_collisions(added, there)
    except UnsafePath as unsafe:
        return [Clash(str(unsafe.details["path"]), unsafe.message)]
    return []


def _same(old: TreeEntry | None, new: TreeEntry | None) -> bool:
    return (old and old.object) == (new and new.object)


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]
