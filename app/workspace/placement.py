"""One file on its way to its place: staged beside it, moved in by a rename, checked, or taken back."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from app.failpoints import failpoint
from app.workspace.beneath import open_beneath, open_folder
from app.workspace.files import UnsafePath


@dataclass
class Step:
    """One file on its way: the descriptor of its folder, and the names beside it."""

    path: str
    data: bytes
    folder: int
    name: str
    temp: str = field(default_factory=lambda: f".workbench-{secrets.token_hex(8)}.new")
    backup: str = field(default_factory=lambda: f".workbench-{secrets.token_hex(8)}.old")
    had_old: bool = False
    mode: int = 0o644
    placed: bool = False


def stage(root: int, path: str, data: bytes, made: list[str]) -> Step:
    """Write and flush the new content beside its target."""
    parent, _, name = path.rpartition("/")
    step = Step(path, data, _make_folder(root, parent, made), name)
    try:
        _take_old_mode(step)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(open_beneath(step.folder, step.temp, flags, 0o600), "wb") as out:
            with failpoint("file.write"):
                out.write(data)
                os.fchmod(out.fileno(), step.mode)
                out.flush()
            with failpoint("file.fsync"):
                os.fsync(out.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(step.temp, dir_fd=step.folder)
        os.close(step.folder)
        raise
    return step


def _take_old_mode(step: Step) -> None:
    """Keep the permission bits of the file that is replaced, never setuid, setgid or sticky."""
    with suppress(FileNotFoundError):
        old = os.stat(step.name, dir_fd=step.folder, follow_symlinks=False)
        if not stat.S_ISREG(old.st_mode):
            raise UnsafePath(step.path, "not_a_file", "something that is not a regular file is in its place")
        step.mode = old.st_mode & 0o777


def _make_folder(root: int, path: str, made: list[str]) -> int:
    """A descriptor of the folder, made with all its parents; what was made is noted for the way back."""
    prefix = ""
    for segment in path.split("/") if path else ():
        parent, prefix = prefix, f"{prefix}/{segment}" if prefix else segment
        try:
            os.close(open_folder(root, prefix))
        except FileNotFoundError:
            with descriptor(open_folder(root, parent)) as folder:
                os.mkdir(segment, dir_fd=folder)
            made.append(prefix)
            with descriptor(open_folder(root, prefix)) as folder:
                os.fchmod(folder, 0o755)  # whatever the umask says
    return open_folder(root, path)


def place(step: Step) -> None:
    """Replace the target by a rename; a second name keeps the old file until all are placed."""
    with suppress(FileNotFoundError):
        os.link(step.name, step.backup, src_dir_fd=step.folder, dst_dir_fd=step.folder, follow_symlinks=False)
        step.had_old = True
    with failpoint("file.rename"):
        os.rename(step.temp, step.name, src_dir_fd=step.folder, dst_dir_fd=step.folder)
    step.placed = True


def verify(root: int, step: Step) -> None:
    """What is at the path now, found anew from the root, must be what was written."""
    flags = os.O_RDONLY | os.O_NONBLOCK
    with descriptor(open_beneath(root, step.path, flags)) as target:
        regular = stat.S_ISREG(os.fstat(target).st_mode)
        if not regular or _read(target, len(step.data) + 1) != step.data:
            raise UnsafePath(step.path, "changed_meanwhile", "another process changed it during the write")


def undo(root: int, steps: Sequence[Step], made: Sequence[str]) -> None:
    for step in reversed(steps):
        with suppress(OSError):
            if step.had_old:
                os.rename(step.backup, step.name, src_dir_fd=step.folder, dst_dir_fd=step.folder)
            elif step.placed:
                os.unlink(step.name, dir_fd=step.folder)
        for name in (step.temp, step.backup):
            with suppress(OSError):
                os.unlink(name, dir_fd=step.folder)
    for path in reversed(made):
        parent, _, name = path.rpartition("/")
        with suppress(OSError), descriptor(open_folder(root, parent)) as folder:
            os.rmdir(name, dir_fd=folder)


def _read(descriptor: int, limit: int) -> bytes:
    data = b""
    while len(data) < limit and (more := os.read(descriptor, limit - len(data))):
        data += more
    return data


@contextmanager
def descriptor(number: int) -> Iterator[int]:
    """Closes the descriptor at the end of the block."""
    try:
        yield number
    finally:
        os.close(number)
