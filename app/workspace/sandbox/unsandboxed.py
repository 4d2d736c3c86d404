"""Runs the shipped demo's own files without a sandbox; anything else is refused."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from app.errors import Forbidden
from app.workspace.sandbox.execution import Command, Execution, expand
from app.workspace.sandbox.limits import RESULT_BYTES, Limits
from app.workspace.sandbox.supervisor import Launch, start, supervise

MAX_FILE_BYTES = 1024 * 1024
NOTICE = "ran WITHOUT a sandbox: these are the shipped demo's own files\n"
ACCEPTED_NOTICE = "ran WITHOUT a sandbox, as this process was told to on its command line\n"


class NotTheDemo(Forbidden):
    """A file is not one that ships with the service."""

    code = "unsandboxed_refused"


async def run_unsandboxed(
    source: Path,
    command: Command,
    limits: Limits,
    digests: Mapping[str, Collection[str]],
) -> Execution:
    """Run `command` on a copy of `source` if each file is known by its SHA-256 and no file is unknown.

    `digests` maps a path relative to `source` to its hexadecimal digests; an empty mapping accepts nothing.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbench-demo-") as folder:
        copy, junit = Path(folder) / "work", Path(folder) / "junit.xml"
        await asyncio.to_thread(_copy_known, source, copy, digests)
        launch = Launch(expand(command, str(junit)), _environment(command, folder), cwd=str(copy))
        finished = await supervise(await start(launch), launch, limits)
        result = _regular(junit, RESULT_BYTES) if finished.ended == "exit" else None
    return Execution(
        exit_code=finished.exit_code,
        output=NOTICE + finished.output.text(),
        ended=finished.ended,
        junit=result,
        duration_s=time.monotonic() - started,
        truncated=finished.output.truncated,
        unsandboxed=True,
    )


def _copy_known(source: Path, copy: Path, digests: Mapping[str, Collection[str]]) -> None:
    """The bytes that were checked are the bytes that are written, so nobody can swap them in between."""
    files = list(_files(source))
    if not files:
        raise NotTheDemo("there is no file to run")
    for path in files:
        name = path.relative_to(source).as_posix()
        content = _regular(path, MAX_FILE_BYTES)
        if content is None or hashlib.sha256(content).hexdigest() not in digests.get(name, ()):
            raise NotTheDemo(
                f"{name!r} is not a file of the shipped demo, and only those may run without a sandbox"
            )
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _files(source: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(source):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from (Path(folder) / name for name in sorted(names + links))


def _regular(path: Path, limit: int) -> bytes | None:
    """The content of a regular file of at most `limit` bytes; None for links, pipes and all else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def _environment(command: Command, home: str) -> dict[str, str]:
    folder = f"{command.python.parent}:" if command.python else ""
    base = {"PATH": f"{folder}/usr/local/bin:/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8"}
    return {**base, "PYTHONDONTWRITEBYTECODE": "1", **command.env}
