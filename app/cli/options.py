"""Arguments and options that several commands have. Nothing heavy is imported: `--help` stays quick."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class BackendChoice(StrEnum):
    """The backends a person can name; their names are those of `app.llm.backends`."""

    RECORDED = "recorded"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
    OPENAI = "openai"


class ThinkChoice(StrEnum):
    """The values of `app.llm.types.Think`."""

    OFF = "off"
    ON = "on"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AdapterChoice(StrEnum):
    """The values of `app.tables.TestAdapter`."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    GO = "go"
    NODE = "node"
    MAVEN = "maven"
    JUNIT = "junit"
    GATES = "gates"


class MovedBaseChoice(StrEnum):
    """The values of `app.tables.MovedBase`."""

    KEEP = "keep"
    MERGE = "merge"


Backend = Annotated[
    BackendChoice | None,
    typer.Option(
        "--backend", help="What answers: recorded, anthropic (Claude), ollama, openai (LM Studio, …)."
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", help="Model profile that answers every phase; see `workbench models`."),
]
EscalateToPaid = Annotated[
    bool | None,
    typer.Option(
        "--escalate-to-paid/--no-escalate-to-paid",
        help="Whether a paid model may be asked where a free one failed.",
        show_default="WORKBENCH_ESCALATE_TO_PAID",
    ),
]
FallBackToLocal = Annotated[
    bool | None,
    typer.Option(
        "--fall-back-to-local/--no-fall-back-to-local",
        help="Whether a free model may be asked where a paid one can not be had.",
        show_default="WORKBENCH_FALL_BACK_TO_LOCAL",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, the head of it, or `last`.")]
Python = Annotated[
    Path | None, typer.Option("--python", help="Interpreter or virtual environment for the tests.")
]
TestCommand = Annotated[
    str | None,
    typer.Option(
        "--test-command", help="How to test, writing JUnit XML to {junit}; {python} is the interpreter."
    ),
]


def _accept(given: bool) -> None:
    """Only here, so that nothing but the command line can switch the sandbox off."""
    if given:
        from app.cli.output import say, stderr
        from app.workspace.sandbox import consent

        consent.give()
        warning = "WARNING: there is NO sandbox. What a model writes runs with all your rights."
        say(stderr(), (warning, "bold red"))


Unsandboxed = Annotated[
    bool,
    typer.Option(
        "--i-accept-unsandboxed-execution",
        callback=_accept,
        help="Run commands of projects with NO sandbox: what a model wrote gets all your rights.",
    ),
]


def leave(code: int) -> None:
    """End the command with this exit code."""
    raise typer.Exit(int(code))
