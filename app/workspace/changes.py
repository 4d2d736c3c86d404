"""What the files of a run change in a repository, for people to read before anything is written."""

from __future__ import annotations

import asyncio
import difflib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.workspace.files import SourceFile, latest
from app.workspace.repository import SUBMODULE, Repository, blob_reader, read_file, tracked_files

MAX_LINES = 5_000
"""A longer file is told of with its number of lines: comparing takes the square of it."""
MAX_TOTAL = 25_000
"""Lines of all files together that are compared; of those behind, only the numbers are told."""


@dataclass(frozen=True)
class FileChange:
    """One file that is not as the base commit has it."""

    path: str
    is_new: bool
    added: int
    removed: int
    diff: str
    """Unified."""
    is_whole: bool = True
    """False: the file is too long to compare, so the diff only says so."""

    @property
    def status(self) -> Literal["added", "modified"]:
        return "added" if self.is_new else "modified"


@dataclass(frozen=True)
class Changes:
    """All that differs from the base commit, in the order of the paths."""

    files: tuple[FileChange, ...]
    tracked: int
    """How many files the base commit has."""

    @property
    def diff(self) -> str:
        return "".join(file.diff for file in self.files)


async def find_changes(repo: Repository, base_commit: str, files: Sequence[SourceFile]) -> Changes:
    """Compares the bytes that would be stored; a file that stays the same is none of the changes."""
    tracked = await tracked_files(repo, base_commit)
    objects = {entry.path: entry.object for entry in tracked if entry.mode != SUBMODULE}
    found, left = [], MAX_TOTAL
    async with blob_reader(repo) as read:
        for file in latest([files]):
            before = await read(objects[file.path]) if file.path in objects else None
            if before != file.data():
                lines = _compared(file, before)
                found.append(await asyncio.to_thread(_compare, file, before, is_short=lines <= left))
                left -= lines if lines <= left else 0
    return Changes(tuple(found), len(tracked))


async def describe_changes(repo: Repository, base_commit: str, files: Sequence[SourceFile]) -> str:
    """A unified diff from the base commit to the files, in the order of their paths."""
    return (await find_changes(repo, base_commit, files)).diff


async def describe_moves(repo: Repository, before: str, after: str, paths: Sequence[str]) -> str:
    """A unified diff of these files from one commit to another; of one that is gone, that it is."""
    files = {entry.path for entry in await tracked_files(repo, after) if entry.mode != SUBMODULE}
    kept = [path for path in paths if path in files]
    now = [SourceFile(path, (await read_file(repo, after, path)).decode(errors="replace")) for path in kept]
    gone = "".join(f"--- a/{path}\n+++ /dev/null\n" for path in paths if path not in files)
    return await describe_changes(repo, before, now) + gone


def _compared(file: SourceFile, before: bytes | None) -> int:
    """Lines that are compared with others; those of a new file are not."""
    return 0 if before is None else max(before.count(b"\n"), file.data().count(b"\n"))


def _compare(file: SourceFile, before: bytes | None, *, is_short: bool) -> FileChange:
    old = [] if before is None else _lines(before.decode(errors="replace"))
    new = _lines(file.data().decode())
    name = "/dev/null" if before is None else f"a/{file.path}"
    if max(len(old), len(new)) > MAX_LINES or not is_short:
        diff = f"--- {name}\n+++ b/{file.path}\n@@ {len(old)} lines before, {len(new)} now @@\n"
        added, removed = Counter(new) - Counter(old), Counter(old) - Counter(new)
        return FileChange(file.path, before is None, added.total(), removed.total(), diff, is_whole=False)
    end = "\t" if " " in file.path else ""  # else a reader of patches takes the name to end at the space
    lines = list(difflib.unified_diff(old, new, name + end, f"b/{file.path}{end}"))
    marks = Counter(line[0] for line in lines[2:])
    return FileChange(file.path, before is None, marks["+"], marks["-"], "".join(_ended(lines)))


def _lines(text: str) -> list[str]:
    """Only a newline ends a line, as for git; each keeps its own."""
    return io.StringIO(text).readlines()


def _ended(diff: Sequence[str]) -> Iterator[str]:
    for line in diff:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
