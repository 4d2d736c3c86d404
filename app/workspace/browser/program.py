"""Where the browser is, and the command that drives it inside the sandbox."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from app.errors import Unavailable
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import JUNIT, PYTHON, Command
from app.workspace.sandbox.limits import MIB, Limits

PROGRAMS = (
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/usr/lib/chromium-browser/chromium-browser",
)
"""Debian and Arch, Fedora, Alpine. The scripts in /usr/bin that start these read more than what is inside."""
INSTALL = "install it (Debian: `apt-get install chromium`); the snap of Ubuntu can not run in the sandbox"

INSIDE = Path(__file__).with_name("inside")
MODULES = ("picture", "devtools", "visit", "driving")
"""In the order in which they need each other."""
SHIPPED = """
import json, sys, types
for name, text in json.loads(sys.argv.pop(1)).items():
    parts = name.split(".")
    for end in range(1, len(parts)):
        package = ".".join(parts[:end])
        sys.modules.setdefault(package, types.ModuleType(package)).__path__ = []
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""
"""The driver goes in as arguments: nothing of the service is shown inside, no file of the project is in its
way."""


class BrowserMissing(Unavailable):
    """There is no browser on this host."""

    code = "browser_missing"


def program(candidates: Sequence[str] = PROGRAMS) -> str:
    """Raises `BrowserMissing`."""
    found = next((path for path in candidates if os.access(path, os.X_OK)), None)
    if found is None:
        raise BrowserMissing(f"there is no Chromium on this host: {INSTALL}")
    return found


def command(job: Mapping[str, Any]) -> Command:
    """Drives the browser by what the job says; the report comes as the result file."""
    argv = (PYTHON, "-I", "-S", "-c", SHIPPED, _sources(), json.dumps(job), JUNIT)
    return Command(argv, Path(sys.executable).resolve(), access=Access(unix_sockets=True))


def widened(limits: Limits) -> Limits:
    """What a browser needs at least: it reserves address space by the terabyte, and has many processes."""
    return replace(
        limits,
        cpu_s=max(limits.cpu_s, 120),
        memory_bytes=max(limits.memory_bytes, 3072 * MIB),
        address_space_bytes=None,
        processes=max(limits.processes, 512),
        open_files=max(limits.open_files, 4096),
        file_bytes=max(limits.file_bytes, 256 * MIB),
        tmp_bytes=max(limits.tmp_bytes, 512 * MIB),
    )


@cache
def _sources() -> str:
    base = __name__.rpartition(".")[0]
    return json.dumps({f"{base}.inside.{name}": (INSIDE / f"{name}.py").read_text() for name in MODULES})
