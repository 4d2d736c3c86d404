"""A command to run on a source tree, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.errors import Invalid, Unavailable
from app.workspace.sandbox.access import Access

PYTHON = "{python}"
JUNIT = "{junit}"

Ended = Literal["exit", "timeout", "cpu", "memory", "files"]
"""How a run ended: by itself, or by the limit that stopped it."""


class SandboxUnavailable(Unavailable):
    """Commands can not be run safely here, so they are not run at all."""

    code = "sandbox_unavailable"


class InterpreterUnusable(Unavailable):
    """The project's Python can not be used inside the sandbox."""

    code = "interpreter_unusable"


class SourceUnusable(Invalid):
    """The source tree could not be copied into the sandbox."""

    code = "source_unusable"


@dataclass(frozen=True)
class Command:
    """`{python}` and `{junit}` in `argv` stand for the interpreter and the JUnit file to write."""

    argv: tuple[str, ...]
    python: Path | None = None
    """The project's interpreter, as a rule the one of its virtual environment."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the sandbox's own small environment; nothing is inherited from the service."""
    access: Access = field(default_factory=Access)
    over: Path | None = None
    """A folder whose files are laid over the copy of the source."""


@dataclass(frozen=True)
class Execution:
    """What one run did."""

    exit_code: int | None
    """None when a limit stopped the run."""
    output: str
    """The end of stdout and stderr together, with control characters escaped."""
    ended: Ended
    junit: bytes | None
    duration_s: float
    truncated: bool = False
    """The output was longer than what is kept."""
    unsandboxed: bool = False


def expand(command: Command, junit: str) -> list[str]:
    """`argv` with the placeholders replaced."""
    if not command.argv:
        raise Invalid("the command is empty; give a program and its arguments", place="argv")
    if command.python is None and any(PYTHON in part for part in command.argv):
        raise Invalid(f"the command uses {PYTHON} but the project names no Python", place="python")
    return [part.replace(PYTHON, str(command.python)).replace(JUNIT, junit) for part in command.argv]
