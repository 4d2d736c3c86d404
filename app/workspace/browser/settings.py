"""How pages are looked at, and which ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

PAGES = 20
"""More are not looked at; whoever has more names those that matter."""
SUFFIXES = (".html", ".htm")


class BrowserSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    pages: tuple[str, ...] = ()
    """Paths of pages to load, with `*` for anything. None: the changed pages; where only other files were
    changed, every page that there is."""
    load_ms: int = Field(15_000, ge=100, le=120_000)
    """A page that takes longer to load has not loaded."""
    wait_ms: int = Field(1_000, ge=0, le=60_000)
    """How long a page may run after it has loaded, before its picture is taken."""
    width: int = Field(1280, ge=200, le=3840)
    height: int = Field(720, ge=200, le=2160)
    allow: tuple[str, ...] = ()
    """Messages of the console and failed requests that are well, with `*` for anything."""

    def chosen(self, root: Path, changed: Sequence[str]) -> tuple[str, ...]:
        """The pages to load, sorted. Reads the whole tree, so call it in a thread."""
        there = sorted(_files(root))
        if self.pages:
            return tuple(path for path in there if any(fnmatchcase(path, one) for one in self.pages))
        pages = [path for path in there if path.lower().endswith(SUFFIXES)]
        return tuple([path for path in pages if path in changed] or pages)


def _files(root: Path) -> Iterator[str]:
    """Regular files below `root`, by their path in it."""
    for folder, _, names in os.walk(root):
        for path in (Path(folder) / name for name in names):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()
