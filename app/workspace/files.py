"""The values that say which file holds what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import WorkbenchError


class UnsafePath(WorkbenchError):
    """A path or file that a run may not write; `path` and `reason` stand in the details."""

    status = 422
    code = "unsafe_path"

    def __init__(self, path: str, reason: str, why: str) -> None:
        shown = escaped(path)
        super().__init__(f"refused to write '{shown}': {why}", path=shown, reason=reason)
        self.reason = reason


@dataclass(frozen=True)
class SourceFile:
    """A text file of the repository; `path` is relative to its root, with forward slashes."""

    path: str
    content: str

    def data(self) -> bytes:
        """The bytes to store: UTF-8 with LF line ends. Raises `UnsafePath` for what UTF-8 can not hold."""
        text = self.content.replace("\r\n", "\n").replace("\r", "\n")
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UnsafePath(
                self.path, "lone_surrogate", f"its content has a lone surrogate at character {error.start}"
            ) from error


def latest(rounds: Iterable[Iterable[SourceFile]]) -> tuple[SourceFile, ...]:
    """The files after all rounds: a later round replaces a path, the order is by path."""
    current = {without_dots(file.path): file.content for files in rounds for file in files}
    return tuple(SourceFile(path, current[path]) for path in sorted(current))


def without_dots(path: str) -> str:
    """`a/./b` and `./a/b` name the file `a/b`."""
    return "/".join(segment for segment in path.split("/") if segment != ".")


def escaped(text: str, limit: int = 200) -> str:
    """`text` with everything unprintable written as an escape, cut to `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
