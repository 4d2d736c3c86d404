"""What one answer may write as a whole: counts, sizes, names that collide, and how much is too much."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from app.workspace.files import UnsafePath
from app.workspace.paths import fold

MAX_FILES = 200
MAX_FILE_BYTES = 2_000_000
MAX_ANSWER_BYTES = 20_000_000
MAX_CHANGED_SHARE = 0.3
FREE_CHANGES = 10
"""So many existing files may change whatever their share: in a small project 30 % is one or two files."""


def check_amount(files: int) -> None:
    """Raises `UnsafePath` for more files than one answer may have, before any of them is looked at."""
    if files > MAX_FILES:
        raise UnsafePath("*", "too_many_files", f"{files} files; {MAX_FILES} are allowed")


def is_mass_change(changed: int, tracked: int) -> bool:
    """Whether so many changes of existing files are more than one task should need."""
    return changed > max(FREE_CHANGES, MAX_CHANGED_SHARE * tracked)


def check_set(paths: Sequence[str], sizes: Sequence[int], existing: Collection[str]) -> None:
    """Raises `UnsafePath` for an answer that is unsafe as a whole; `existing` are the files before it."""
    check_amount(len(paths))
    _check_sizes(paths, sizes)
    check_collisions(paths, existing)
    _check_embedded_repository(paths, existing)


def _check_sizes(paths: Sequence[str], sizes: Sequence[int]) -> None:
    for path, size in zip(paths, sizes, strict=True):
        if size > MAX_FILE_BYTES:
            raise UnsafePath(path, "too_large", f"it has {size} bytes; {MAX_FILE_BYTES} are allowed")
    if sum(sizes) > MAX_ANSWER_BYTES:
        raise UnsafePath(
            paths[-1], "too_large", f"the answer has {sum(sizes)} bytes; {MAX_ANSWER_BYTES} are allowed"
        )


def check_collisions(paths: Sequence[str], existing: Collection[str]) -> None:
    """One path twice, two spellings of one name, or a file where another path needs a folder."""
    known = {prefix for path in existing for prefix in _prefixes(path)}
    spelling = {fold(prefix): prefix for prefix in known}
    for path in paths:
        for prefix in _prefixes(path):
            other = spelling.setdefault(fold(prefix), prefix)
            if prefix not in known and other != prefix:
                raise UnsafePath(path, "duplicate", f"it differs from '{other}' only in case or in accents")
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if list(paths).count(path) > 1)
        raise UnsafePath(twice, "duplicate", "the answer has it twice")
    files = {*existing, *paths}
    folders = {folder for path in files for folder in _folders(path)}
    for path in paths:
        if path in folders or any(folder in files for folder in _folders(path)):
            raise UnsafePath(path, "file_and_folder", "one name can not be a file and a folder")


def _check_embedded_repository(paths: Sequence[str], existing: Collection[str]) -> None:
    """A folder with HEAD, objects/ and refs/ is a git repository, whatever it is called."""
    entries: dict[str, set[str]] = {}
    for path in (*existing, *paths):
        for prefix in _prefixes(fold(path)):
            folder, _, name = prefix.rpartition("/")
            entries.setdefault(folder, set()).add(name)
    for path in paths:
        for prefix in _prefixes(fold(path)):
            names = entries[prefix.rpartition("/")[0]]
            if names >= {"head", "objects", "refs"} or names >= {"head", "commondir"}:
                raise UnsafePath(path, "embedded_repository", "its folder would be read as a git repository")


def _prefixes(path: str) -> Iterator[str]:
    """The path's folders from the top, then the path itself."""
    yield from _folders(path)
    yield path


def _folders(path: str) -> Iterator[str]:
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)
