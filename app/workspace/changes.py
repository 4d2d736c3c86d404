"""What a run changes in a repository, as a unified diff for people to read."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator, Sequence

from app.errors import NotFound
from app.workspace.files import SourceFile
from app.workspace.repository import Repository, read_file

MAX_LINES = 5_000
"""A longer file is told of with its number of lines: comparing takes the square of it."""


async def describe_changes(repo: Repository, base_commit: str, files: Sequence[SourceFile]) -> str:
    """A unified diff from the base commit to the files, in the order of their paths."""
    parts = []
    for file in sorted(files, key=lambda file: file.path):
        parts.append(await asyncio.to_thread(_compare, file, await _before(repo, base_commit, file.path)))
    return "".join(parts)


async def _before(repo: Repository, commit: str, path: str) -> bytes | None:
    try:
        return await read_file(repo, commit, path)
    except NotFound:
        return None


def _compare(file: SourceFile, before: bytes | None) -> str:
    old = None if before is None else before.decode(errors="replace").splitlines(keepends=True)
    new = file.content.splitlines(keepends=True)
    name = "/dev/null" if old is None else f"a/{file.path}"
    if max(len(old or ()), len(new)) > MAX_LINES:
        return f"--- {name}\n+++ b/{file.path}\n@@ {len(old or ())} lines before, {len(new)} now @@\n"
    return "".join(_lines(difflib.unified_diff(old or [], new, name, f"b/{file.path}")))


def _lines(diff: Iterator[str]) -> Iterator[str]:
    for line in diff:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
