"""pytest, which writes JUnit XML by itself."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from app.workspace.adapters.adapter import Prepared
from app.workspace.sandbox import junit
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits

CONTROL_OPTIONS = (
    *("-k", "", "-m", "", "--maxfail=0", "--continue-on-collection-errors"),
    *("-o", "python_functions=test"),
)
"""Undo what a project may set that would leave the control tests out or stop before them."""


class PytestAdapter:
    """The person's command; a control run names files behind it."""

    default: tuple[str, ...] = (
        "{python}",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml={junit}",
    )
    names_junit = True
    needs = SandboxLimits()
    with_functions = True

    def prepare(self, argv: Sequence[str]) -> Prepared:
        return Prepared(tuple(argv))

    def read(self, data: bytes) -> Report:
        return junit.read(data)

    def is_test_file(self, path: str) -> bool:
        return is_python_test(path)

    def control(
        self, argv: Sequence[str], test_files: Sequence[str], control_files: Sequence[str]
    ) -> Prepared | None:
        if not _calls_pytest(argv):
            return None
        return Prepared((*argv, *CONTROL_OPTIONS, "--", *test_files, *control_files))


def is_python_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in ("test*.py", "*_test.py", "*_tests.py"))


def _calls_pytest(argv: Sequence[str]) -> bool:
    """A script may call it too, but would not pass on what stands behind."""
    names = [argument.rpartition("/")[2] for argument in argv[:1]]
    return names[0] in ("pytest", "py.test") or ("-m", "pytest") in pairwise(argv)
