"""The machine: Python, git, the sandbox."""

from __future__ import annotations

import asyncio
import platform
import re
import shutil
import sys
from collections.abc import AsyncIterator

from app.cli.checks.finding import Finding, fail, ok
from app.errors import WorkbenchError
from app.settings import Settings
from app.workspace.sandbox.configured import configured

REMEDIES = {
    "bwrap": "install bubblewrap, for example: apt-get install bubblewrap",
    "external": "put right WORKBENCH_SANDBOX_COMMAND; docs/sandbox.md says what it has to hold",
    "sandbox-exec": "use the mode bwrap on Linux",
}
OLDEST_PYTHON = (3, 11)
OLDEST_GIT = (2, 31)
"""The first that knows `rev-parse --path-format`."""


def python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", found, "install Python 3.11 or newer and run ./setup.sh again")
    return ok("python", found)


async def git() -> Finding:
    program = shutil.which("git")
    if program is None:
        return fail("git", "not found", "install it, for example: apt-get install git")
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode(errors="replace").strip()
    number = re.search(r"(\d+)\.(\d+)", said)
    if number is None or (int(number[1]), int(number[2])) < OLDEST_GIT:
        wanted = ".".join(map(str, OLDEST_GIT))
        return fail("git", said or "no answer", f"install git {wanted} or newer")
    return ok("git", said.removeprefix("git version "))


async def sandbox(settings: Settings) -> AsyncIterator[Finding]:
    """The walls, tried from inside. Without them only the shipped demo may be tested."""
    remedy = (
        "the test phase refuses to run without it (the demo may); allow user namespaces, or use another host"
    )
    try:
        tested = await configured(settings).self_test()
    except WorkbenchError as error:
        yield fail("sandbox", error.message, REMEDIES[settings.sandbox_mode])
        return
    if tested.ok:
        yield ok("sandbox", tested.summary())
        return
    for probe in tested.failed():
        yield fail(f"sandbox {probe.name}", probe.detail, remedy)
