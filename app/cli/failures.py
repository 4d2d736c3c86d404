"""What a failed command prints: what, why and what to do, on stderr; never a traceback unless asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum

from app.cli.output import explain, stderr
from app.errors import WorkbenchError

HINTS = {
    "missing_key": "get a key at https://platform.claude.com, then: export WORKBENCH_ANTHROPIC_API_KEY=...; "
    "or use --backend ollama, openai or recorded",
    "authentication_failed": "the server refused the key: check it for typing errors, and that it is active",
    "out_of_credit": "add credit to the account of the key, or use --backend ollama or openai",
    "schema_refused": "find out what the model keeps to (`models probe`), or use another profile",
    "llm_disabled": "unset WORKBENCH_LLM_DISABLED to allow model calls again",
    "sandbox_unavailable": "the command `doctor` tries the sandbox and says what it lacks",
    "not_a_repository": "--repo names the top folder of a git repository with at least one commit",
    "empty_repository": "make a first commit: git add . && git commit -m 'First version'",
    "gate_missing": "install what the gate needs where the worker runs, or take the gate out of the project "
    "or the definition; `gates check` tries it",
    "unknown_recording": "use --backend anthropic, ollama or openai for an epic of your own",
}
"""What to do about an error, by its code, where the message alone does not say it."""


class Exit(IntEnum):
    """Exit codes that scripts can trust."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    STOPPED = 4
    """The run waits for a decision, or somebody paused it: it has not ended."""


def guarded(command: Callable[[], object]) -> int:
    """Run the command; turn an error into a readable one and its exit code."""
    try:
        command()
    except WorkbenchError as error:
        show(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has gone; nothing is left to say
    except Exception as error:
        show_fault(error)
    else:
        return Exit.SUCCEEDED
    return Exit.FAILED


def show(error: WorkbenchError) -> None:
    """The message in red, and below it what to do."""
    console = stderr()
    if debugging():
        console.print_exception()
    explain(console, ("error: ", "bold red"), (error.message, "red"))
    if hint := error.details.get("hint") or HINTS.get(error.code):
        explain(console, ("what to do: ", "bold"), str(hint))


def show_fault(error: Exception) -> None:
    """A fault of ours, or of the machine."""
    console = stderr()
    if debugging():
        console.print_exception()
    text = f"{type(error).__name__}: {error}".strip()
    explain(console, ("error: ", "bold red"), (text.splitlines()[0][:500], "red"))
    if not debugging():
        explain(
            console,
            ("what to do: ", "bold"),
            "the same command with `--debug` before its name shows where it happened",
        )


def debugging() -> bool:
    return os.environ.get("WORKBENCH_LOG_LEVEL", "").lower() == "debug"
