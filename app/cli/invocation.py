"""How this person calls the command, for the commands that we suggest."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from app.settings import ROOT


def command(*arguments: str) -> str:
    """`workbench …` if it is on the path, else the checkout's `run.sh …`."""
    return f"{_program()} {shlex.join(arguments)}".strip()


def _program() -> str:
    found = shutil.which("workbench")
    if found and Path(found).parent.resolve() == Path(sys.executable).parent.resolve():
        return "workbench"
    script = ROOT / "run.sh"
    if not script.exists():
        return "workbench"
    return "./run.sh" if Path.cwd() == ROOT else shlex.quote(str(script))
