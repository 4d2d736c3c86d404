"""What a test adapter is: how a kind of test command is run, and how what it wrote is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.workspace.sandbox.execution import JUNIT
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits

WRITE_FILES = 'while [ "$1" != -- ]; do printf %s "$2" >"$1" || exit 99; shift 2; done; shift; exec "$@"'


@dataclass(frozen=True)
class Prepared:
    """The command as the sandbox runs it."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class Adapter(Protocol):
    """Knows one kind of test command; no run and no database."""

    default: tuple[str, ...]
    """The test command of a project that gives none."""
    names_junit: bool
    """Whether the person's command writes JUnit XML to `{junit}` by itself."""
    needs: SandboxLimits
    """Limits that its tools can not do without; those of the project win."""

    def prepare(self, argv: Sequence[str]) -> Prepared: ...

    def read(self, data: bytes) -> Report:
        """The tests in what the command wrote to `{junit}`. Raises `Invalid`; it may be hostile."""

    def is_test_file(self, path: str) -> bool:
        """Whether a file of this path, relative to the repository, holds tests by its name."""


class Controllable(Protocol):
    """An adapter that can also run a test which must fail, to see whether it is reported."""

    with_functions: bool
    """Whether functions are tests too, beside methods of a `TestCase`."""

    def control(
        self, argv: Sequence[str], test_files: Sequence[str], control_files: Sequence[str]
    ) -> Prepared | None:
        """The same command over these files; None when a command like this one can not take them."""


def with_files(files: Mapping[str, str], argv: Sequence[str]) -> tuple[str, ...]:
    """A command that first writes the files, in the throw-away copy where it runs."""
    given = [part for path, text in files.items() for part in (path, text)]
    return ("sh", "-c", WRITE_FILES, "sh", *given, "--", *argv)


def captured(argv: Sequence[str], script: str = 'exec "$@" >"$out"') -> tuple[str, ...]:
    """A command whose standard output is what it reports; `script` sees the file as `$out`."""
    return ("sh", "-c", f"out=$1; shift; {script}", "sh", JUNIT, *argv)
