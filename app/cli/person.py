"""Who sits at the command line."""

from __future__ import annotations

import getpass
import os
import sys

from app.cli.output import line, stdout


def person() -> str:
    """The name of the person's account."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"


def attended(*, as_json: bool) -> bool:
    """Whether somebody looks on, who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not as_json


def agrees(question: str) -> bool:
    """Ask, with no for a default. The database is not held open while a person reads."""
    console = stdout()
    try:
        answer = console.input(line((question, "bold"), " [y/N] "))
    except EOFError:
        console.print()
        return False
    return answer.strip().lower() in ("y", "yes")
