"""Writes the files of an answer into a folder: all of them or none, and never through a link."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.errors import WorkbenchError
from app.workspace.beneath import open_folder, open_root
from app.workspace.files import SourceFile, UnsafePath, escaped
from app.workspace.fileset import check_amount, check_set
from app.workspace.paths import check_path, check_protected
from app.workspace.placement import Step, descriptor, place, stage, undo, verify

_OUTSIDE = {errno.ELOOP, errno.EXDEV, errno.ENOTDIR}


class WriteFailed(WorkbenchError):
    """The system refused a write; the files are as they were before."""

    status = 500
    code = "write_failed"


@dataclass(frozen=True)
class Written:
    """One file that is now on the disk."""

    path: str
    size: int
    sha256: str
    created: bool
    """False when an older file was replaced."""


def write_files(
    root: Path,
    files: Sequence[SourceFile],
    *,
    protected: Sequence[str] = (),
    permitted: frozenset[str] = frozenset(),
    accepted: bool = False,
) -> tuple[Written, ...]:
    """Write all files under `root` or none. Raises `UnsafePath` before the first byte, `WriteFailed` after.

    `accepted` is for the files of several answers, each of which passed the limits of one answer before.
    Blocks: call it in a thread. A killed process may leave a part; the folder is a cache that is built anew.
    """
    checked = _checked(files, protected, permitted, accepted=accepted)
    with _opened(root) as root_fd:
        _check_places(root, root_fd, checked, accepted=accepted)
        return _write_all(root_fd, checked)


def check_files(
    root: Path,
    files: Sequence[SourceFile],
    *,
    protected: Sequence[str] = (),
    permitted: frozenset[str] = frozenset(),
) -> None:
    """Raises `UnsafePath` for what `write_files` would refuse; nothing is written. Blocks as it does."""
    checked = _checked(files, protected, permitted, accepted=False)
    with _opened(root) as root_fd:
        _check_places(root, root_fd, checked, accepted=False)


def list_files(root: Path) -> list[str]:
    """Every file under `root`, relative and sorted; links are listed, never followed."""
    found = []
    for folder, names, files in os.walk(root):
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        relative = os.path.relpath(folder, root)
        found += [os.path.normpath(os.path.join(relative, name)) for name in (*files, *links)]
    return sorted(found)


def _checked(
    files: Sequence[SourceFile], protected: Sequence[str], permitted: frozenset[str], *, accepted: bool
) -> list[tuple[str, bytes]]:
    """Path and bytes of each file, by the rules that need no disk."""
    if not accepted:
        check_amount(len(files))
    checked = [(check_path(file.path, permitted=permitted), file.data()) for file in files]
    for path, _ in checked:
        check_protected(path, protected)
    return checked


def _check_places(root: Path, root_fd: int, checked: Sequence[tuple[str, bytes]], *, accepted: bool) -> None:
    if not accepted:
        check_set([path for path, _ in checked], [len(data) for _, data in checked], list_files(root))
    for path, _ in checked:
        _check_target(root_fd, path)


def _check_target(root: int, path: str) -> None:
    """The nearest existing folder must be a real one inside, the target absent or a regular file."""
    parent, _, name = path.rpartition("/")
    while True:
        try:
            folder = open_folder(root, parent)
            break
        except FileNotFoundError:
            parent, _, name = parent.rpartition("/")
        except OSError as error:
            raise _unsafe(path, error) from error
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    finally:
        os.close(folder)
    if not stat.S_ISREG(mode):
        raise UnsafePath(path, "not_a_file", "something that is not a regular file is in its place")


def _write_all(root: int, checked: Sequence[tuple[str, bytes]]) -> tuple[Written, ...]:
    steps: list[Step] = []
    made: list[str] = []
    try:
        for path, data in checked:
            steps.append(stage(root, path, data, made))
        for step in steps:
            place(step)
        for step in steps:
            verify(root, step)
    except BaseException as error:
        undo(root, steps, made)
        if isinstance(error, OSError):
            raise _failed(error) from error
        raise
    else:
        for step in steps:
            with suppress(OSError):
                os.unlink(step.backup, dir_fd=step.folder)
            os.fsync(step.folder)
    finally:
        for step in steps:
            os.close(step.folder)
    return tuple(
        Written(s.path, len(s.data), hashlib.sha256(s.data).hexdigest(), not s.had_old) for s in steps
    )


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    try:
        number = open_root(root)
    except OSError as error:
        raise WriteFailed(f"the workspace {root} can not be opened: {error.strerror}; rebuild it") from error
    with descriptor(number):
        yield number


def _failed(error: OSError) -> WorkbenchError:
    if error.errno in _OUTSIDE:
        return _unsafe(str(error.filename or "?"), error)
    return WriteFailed(f"the files could not be written, none was changed: {error.strerror}")


def _unsafe(path: str, error: OSError) -> WorkbenchError:
    if error.errno in _OUTSIDE:
        return UnsafePath(path, "link", "a link or a file is in the place of one of its folders")
    return WriteFailed(f"'{escaped(path)}' can not be written: {error.strerror}; nothing was changed")
