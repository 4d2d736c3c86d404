"""Puts a change into somebody's working copy: all files or none, and no work of theirs is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import Conflict, Invalid
from app.workspace.beneath import open_beneath, open_folder, open_root
from app.workspace.files import SourceFile, escaped
from app.workspace.git import git
from app.workspace.merge import Clash, three_way
from app.workspace.placement import descriptor
from app.workspace.repository import LINK, SUBMODULE, Repository, TreeEntry, blob_reader, tracked_files
from app.workspace.writer import write_files

MOST_BYTES = 64 * 1024 * 1024
"""Of one file in the working copy."""


class CanNotApply(Conflict):
    """Some files are in the way; nothing was written."""

    code = "can_not_apply"


@dataclass(frozen=True)
class Applied:
    """What was done in the working copy, by path."""

    written: tuple[str, ...]
    merged: tuple[str, ...]
    """Of the written ones: those that had been changed there too."""
    present: tuple[str, ...]
    """They were like that already."""


async def apply_change(
    repo: Repository, base: str, files: Sequence[SourceFile], *, index: bool = False
) -> Applied:
    """Write the files over what `base` holds; `index`: stage them too. Raises `CanNotApply`."""
    root = await asyncio.to_thread(_working_copy, repo)
    present = await asyncio.to_thread(_read_all, root, [file.path for file in files])
    plan = await _plan(repo, base, files, present)
    if plan.clashes:
        raise _refused(plan.clashes)
    if not plan.files:
        return Applied((), (), plan.present)
    staged = await _stage(repo, plan.files, present) if index else b""
    try:
        await asyncio.to_thread(_write, root, plan.files, present)
    except BaseException:
        if staged:
            await _update_index(repo, staged)
        raise
    return Applied(tuple(file.path for file in plan.files), plan.merged, plan.present)


@dataclass(frozen=True)
class _Plan:
    files: tuple[SourceFile, ...]
    merged: tuple[str, ...]
    present: tuple[str, ...]
    clashes: tuple[Clash, ...]


async def _plan(
    repo: Repository, base: str, files: Sequence[SourceFile], present: Mapping[str, bytes | Clash | None]
) -> _Plan:
    before = {entry.path: entry for entry in await tracked_files(repo, base)}
    wanted: list[SourceFile] = []
    merged: list[str] = []
    done: list[str] = []
    clashes: list[Clash] = []
    async with blob_reader(repo) as read:
        for file in files:
            here, entry = present[file.path], before.get(file.path)
            if isinstance(here, Clash):
                clashes.append(here)
                continue
            old = await read(entry.object) if entry is not None and _is_file(entry) else None
            if here == file.data():
                done.append(file.path)
            elif here == old:
                wanted.append(file)
            elif here is None or old is None:
                clashes.append(
                    Clash(file.path, "you removed it" if here is None else "you have one of your own")
                )
            elif b"\r" in here or (text := await three_way(repo.git, here, old, file.data())) is None:
                clashes.append(Clash(file.path, "you changed the same lines"))
            else:
                wanted.append(SourceFile(file.path, text))
                merged.append(file.path)
    return _Plan(tuple(wanted), tuple(merged), tuple(done), tuple(clashes))


def _is_file(entry: TreeEntry) -> bool:
    return entry.mode not in (LINK, SUBMODULE)


def _refused(clashes: Sequence[Clash]) -> CanNotApply:
    named = "; ".join(f"{escaped(one.path)}: {one.why}" for one in clashes)
    return CanNotApply(
        f"nothing was written, because of {len(clashes)} files: {named}", paths=[one.path for one in clashes]
    )


def _working_copy(repo: Repository) -> Path:
    if not (repo.path / ".git").exists():
        raise Invalid(f"{repo.path} is a bare repository, so it has no working copy")
    return repo.path


def _read_all(root: Path, paths: Sequence[str]) -> dict[str, bytes | Clash | None]:
    """Path → what is there; None: nothing. Links are not followed."""
    with descriptor(open_root(root)) as folder:
        return {path: _read(folder, path) for path in paths}


def _read(root: int, path: str) -> bytes | Clash | None:
    try:
        with descriptor(open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)) as number:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                return Clash(path, "something that is not a plain file is there")
            if found.st_size > MOST_BYTES:
                return Clash(path, f"the file there has {found.st_size} bytes")
            with os.fdopen(os.dup(number), "rb") as file:
                return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV, errno.ENOTDIR):
            return Clash(path, "a link or a file is in the place of it or of one of its folders")
        return Clash(path, error.strerror or "it can not be read")


def _write(root: Path, files: Sequence[SourceFile], present: Mapping[str, bytes | Clash | None]) -> None:
    """Whether the run might write control files was judged before: what it committed is what is applied.

    Raises `CanNotApply` for what somebody saved since it was read: merging and staging take a while.
    """
    now = _read_all(root, [file.path for file in files])
    if changed := [path for path in now if now[path] != present[path]]:
        raise _refused([Clash(path, "it was changed just now") for path in changed])
    missing = [folder for file in files for folder in _folders(file.path) if not (root / folder).is_dir()]
    names = frozenset(file.path.rpartition("/")[2] for file in files)
    write_files(root, files, permitted=names, accepted=True)
    _give_to_owner(root, [*dict.fromkeys(missing), *(file.path for file in files)])


def _give_to_owner(root: Path, paths: Sequence[str]) -> None:
    """What root writes for somebody belongs to them."""
    owner = root.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    with descriptor(open_root(root)) as folder:
        for path in paths:
            parent, _, name = path.rpartition("/")
            with descriptor(open_folder(folder, parent)) as place:
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=place, follow_symlinks=False)


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


async def _stage(
    repo: Repository, files: Sequence[SourceFile], present: Mapping[str, bytes | Clash | None]
) -> bytes:
    """Put the files into the index; what takes that back. Raises `CanNotApply` where work would be lost."""
    output = await git(repo.git, "ls-files", "--stage", "-z", "--", *(file.path for file in files))
    known = {line.partition(b"\t")[2].decode(): line.split()[:3] for line in output.split(b"\0") if line}
    new, old, clashes = [], [], []
    for file in files:
        here = present[file.path]
        mode, name, stage = known.get(file.path, [b"", b"", b"0"])
        current = await _hash(repo, here) if isinstance(here, bytes) else b""
        if name != current or stage != b"0":
            clashes.append(Clash(file.path, "you have changed it and not staged that"))
        made = await _hash(repo, file.data(), keep=True)
        new.append(b"%s %s\t%s\0" % (mode or b"100644", made, file.path.encode()))
        old.append(b"%s %s\t%s\0" % (mode or b"0", name or b"0" * len(made), file.path.encode()))
    if clashes:
        raise _refused(clashes)
    await _update_index(repo, b"".join(new))
    return b"".join(old)


async def _hash(repo: Repository, data: bytes, *, keep: bool = False) -> bytes:
    options = ("--no-filters", *(("-w",) if keep else ()), "--stdin")
    return (await git(repo.git, "hash-object", *options, stdin=data)).strip()


async def _update_index(repo: Repository, lines: bytes) -> None:
    await git(repo.git, "update-index", "-z", "--index-info", stdin=lines)
