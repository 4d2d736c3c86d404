"""A control run: tests that must fail beside the changed ones, to see whether that is reported."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid
from app.workspace.adapters.adapter import Adapter
from app.workspace.adapters.pytest import is_python_test
from app.workspace.control import control_reason
from app.workspace.files import SourceFile
from app.workspace.sandbox.execution import Execution
from app.workspace.sandbox.verdict import Read

CHANGED, MENTIONING, FOLDERS = 30, 5, 6
"""At most so many changed test files, others that use a changed module, and folders with control files."""
LOOKED_AT, READ_BYTES = 2_000, 256 * 1024

A_TEST = re.compile(r"^\s*(?:async )?def test", re.MULTILINE)

CONTROL_TEXT = """import unittest


class Test{token}(unittest.TestCase):
    def test_{token}_held(self):
        self.assertEqual("{token}", "")


def test_{token}():
    assert "{token}" == ""
"""


@dataclass(frozen=True)
class Control:
    """The files of one control run. Their names are random, so nothing can be written to match them."""

    files: Mapping[str, str]
    """Path to text; each holds a function and a method that fail."""
    tokens: tuple[str, ...]
    test_files: tuple[str, ...]

    def names(self, with_functions: bool) -> list[str]:
        """Of the tests that must fail; a runner of classes sees no functions."""
        methods = [f"test_{token}_held" for token in self.tokens]
        return methods + [f"test_{token}" for token in self.tokens] if with_functions else methods

    def escaped(self, execution: Execution, read: Read, with_functions: bool) -> tuple[str, ...]:
        """Those that are not reported as failing. Computes, so call it in a thread."""
        try:
            report = read(execution.junit or b"")
        except Invalid:
            return tuple(self.names(with_functions))
        failed = {re.split(r"[:.]", name)[-1] for name in report.names("failed")}
        return tuple(name for name in self.names(with_functions) if name not in failed)


def is_steering(path: str) -> bool:
    """Whether the file can say which tests run, and how."""
    found = control_reason(path.lower())
    return found is not None and found[0] == "build_file"


def plan(root: Path, changed: Collection[str], adapter: Adapter) -> Control | None:
    """Reads files of the workspace, so call it in a thread. None: nothing was changed that Python runs."""
    python = [path for path in changed if path.endswith(".py")]
    steering = [path for path in changed if is_steering(path)]
    if not python and not steering:
        return None
    tests = sorted(path for path in python if adapter.is_test_file(path))[:CHANGED]
    tests += list(_mentioning(root, [path for path in python if path not in tests], tests, adapter))
    folders = sorted({os.path.dirname(path) for path in (*tests, *steering)})[:FOLDERS] or [""]
    tokens = tuple(secrets.token_hex(6) for _ in folders)
    files = {
        os.path.join(folder, f"test_{token}.py"): CONTROL_TEXT.format(token=token)
        for folder, token in zip(folders, tokens, strict=True)
    }
    return Control(files, tokens, tuple(tests))


def silent(files: Sequence[SourceFile], passed: Sequence[str]) -> tuple[str, ...]:
    """Python files of the change that hold tests of which none is reported as passed."""
    words = {word for name in passed for word in re.split(r"[^\w-]+", name)}
    return tuple(
        file.path
        for file in files
        if is_python_test(file.path)
        and A_TEST.search(file.content)
        and file.path.rpartition("/")[2].removesuffix(".py") not in words
    )


def _mentioning(
    root: Path, modules: Sequence[str], known: Collection[str], adapter: Adapter
) -> Iterator[str]:
    """Unchanged test files that hold the name of a changed module as a word."""
    names = {path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2] for path in modules}
    if not names:
        return
    word = re.compile(rb"\b(?:" + b"|".join(re.escape(os.fsencode(name)) for name in sorted(names)) + rb")\b")
    found = 0
    for path in _test_files(root, adapter):
        if path not in known and word.search(_head(root / path)):
            yield path
            found += 1
        if found == MENTIONING:
            return


def _test_files(root: Path, adapter: Adapter) -> Iterator[str]:
    seen = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if adapter.is_test_file(path):
                yield path
                seen += 1
            if seen == LOOKED_AT:
                return


def _head(path: Path) -> bytes:
    """Of a plain file; the workspace was made by the service, but holds the links of the repository."""
    if path.is_symlink() or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(READ_BYTES)
