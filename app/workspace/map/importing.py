"""What an import statement names, and which file of the repository that is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import normpath

_QUOTED = re.compile(r"""["'`]([^"'`\s]+)["'`]""")
_FROM = re.compile(r"from\s+(\.*[\w.]*)\s+import\s+(.*)", re.DOTALL)
_NAME = re.compile(r"(\.*[\w.]+)(?:\s+as\s+\w+)?")
_SPLIT = re.compile(r"::|[./\\]")
_ENTRIES = frozenset({"__init__", "index", "mod", "lib", "main"})
"""A file of this name stands for its folder."""
_NOWHERE = frozenset({"", "crate", "self", "super", "*", "@", "~"})
SAME_FOLDER = 30
"""Files of a package that is imported as a folder."""
LONGEST_END = 16
"""Names at the end of a path that are compared with an import, at most."""


def imports_of(language: str, text: str) -> list[str]:
    """Names as they can be resolved: `a.b.c`, or `./a/b` from the file's own folder."""
    if language == "python":
        return _python(text)
    if language == "java":
        return [text.removeprefix("import").replace("static ", " ").strip(" ;\n")]
    if language == "rust":
        return [text.removeprefix("pub").strip().removeprefix("use").partition("{")[0].strip(" ;:\n")]
    return _QUOTED.findall(text)


def _python(text: str) -> list[str]:
    found = _FROM.match(text)
    if found is None:
        return [name.removesuffix(".") for name in _NAME.findall(text.removeprefix("import"))]
    module = found[1]
    names = [name for name in _NAME.findall(found[2]) if name]
    dots = len(module) - len(module.lstrip("."))
    if dots:
        rest = module[dots:].replace(".", "/")
        base = "./" + "../" * (dots - 1) + (f"{rest}/" if rest else "")
        return [base + name for name in names]
    return [f"{module}.{name}" for name in names]


class Places:
    """Finds files by what imports call them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._keys: dict[tuple[str, ...], list[str]] = {}
        self._ends: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        self._folders: dict[tuple[str, ...], list[str]] = {}
        self._known: dict[str, tuple[str, ...]] = {}
        for path in paths:
            self._add(path)
        for key in {**self._keys, **self._folders}:
            for length in range(2, min(len(key), LONGEST_END) + 1):
                self._ends.setdefault(key[-length:], []).append(key)

    def find(self, path: str, name: str) -> tuple[str, ...]:
        """The files that `name` means in the file at `path`; none: it is of another package, or unclear."""
        if name.startswith("."):
            folder = path.rpartition("/")[0]
            whole = normpath(f"{folder}/{name}")
            return self._at(_key(whole)) or self._at(_key(whole)[:-1])
        if name not in self._known:
            self._known[name] = self._search([part for part in _SPLIT.split(name) if part not in _NOWHERE])
        return self._known[name]

    def _add(self, path: str) -> None:
        key = _key(path)
        if key:
            self._keys.setdefault(key, []).append(path)
        folder = tuple(path.split("/")[:-1])
        if folder:
            self._folders.setdefault(folder, []).append(path)

    def _search(self, parts: list[str]) -> tuple[str, ...]:
        """The file that most of the name's end agrees with; the last part may be a name within the file."""
        for end in (len(parts), len(parts) - 1):
            wanted = parts[:end]
            if not wanted:
                break
            best = self._alike(tuple(wanted))
            if len(best) == 1:
                return self._at(best[0])
        return ()

    def _alike(self, wanted: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The places that share the longest end; one name alone has to be all of the path."""
        for length in range(min(len(wanted), LONGEST_END), 1, -1):
            if found := self._ends.get(wanted[-length:]):
                return found
        alone = wanted[-1:]
        return [alone] if alone in self._keys or alone in self._folders else []

    def _at(self, key: tuple[str, ...]) -> tuple[str, ...]:
        if key in self._keys:
            return tuple(self._keys[key])
        files = self._folders.get(key, ())
        return tuple(files) if len(files) <= SAME_FOLDER else ()


def _key(path: str) -> tuple[str, ...]:
    """The path without its ending and without a name that stands for the folder."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    parts = [part for part in folders if part not in ("", ".", "..")]
    return tuple(parts if stem in _ENTRIES and parts else [*parts, stem])
