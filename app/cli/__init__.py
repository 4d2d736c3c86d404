"""The `workbench` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command. Returns the exit code, or leaves with it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no UTF-8 must not end a command
    from app.cli.failures import guarded
    from app.cli.program import program

    return guarded(lambda: program(prog_name="workbench"))
