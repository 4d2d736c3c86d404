"""Python's own unittest, run by a small runner of ours that writes JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from app.errors import Invalid
from app.workspace.adapters.adapter import Prepared
from app.workspace.adapters.pytest import is_python_test
from app.workspace.sandbox import junit
from app.workspace.sandbox.execution import JUNIT
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits

RUNNER = Path(__file__).with_name("unittest_runner.py")


class UnittestAdapter:
    """`{python} -m unittest …` with the runner in place of unittest's own; its source stands in the argv."""

    default: tuple[str, ...] = ("{python}", "-m", "unittest", "discover")
    names_junit = False
    needs = SandboxLimits()
    with_functions = False

    def prepare(self, argv: Sequence[str]) -> Prepared:
        return Prepared(_with_runner(argv, ()))

    def read(self, data: bytes) -> Report:
        return junit.read(data)

    def is_test_file(self, path: str) -> bool:
        return is_python_test(path)

    def control(
        self, argv: Sequence[str], test_files: Sequence[str], control_files: Sequence[str]
    ) -> Prepared | None:
        """All tests run: which of them discovery would take from a single file, only discovery knows."""
        return Prepared(_with_runner(argv, control_files))


def _with_runner(argv: Sequence[str], control_files: Sequence[str]) -> tuple[str, ...]:
    pairs = list(pairwise(argv))
    if ("-m", "unittest") not in pairs:
        raise Invalid(
            "the test command of the adapter unittest is a call like {python} -m unittest discover",
            place="test_command",
        )
    at = pairs.index(("-m", "unittest"))
    return (*argv[:at], "-c", _source(), JUNIT, ":".join(control_files), *argv[at + 2 :])


@cache
def _source() -> str:
    return RUNNER.read_text("utf-8")
