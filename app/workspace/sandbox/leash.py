"""Ties a process group to this process: when this one dies, however it dies, the group is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

WATCHER = ("/bin/sh", "-c", "read -r _; kill -KILL 0")
"""Its stdin is a pipe that nobody writes to and whose other end only this process holds, so that the kernel
ends the wait; then it kills its own group."""
NONE = asyncio.subprocess.DEVNULL


@dataclass(frozen=True)
class Leashed:
    """A command in a process group that does not outlive this process."""

    process: asyncio.subprocess.Process
    watcher: asyncio.subprocess.Process
    """The leader of the group."""
    leash: int

    @property
    def group(self) -> int:
        return self.watcher.pid

    async def end(self) -> None:
        """All of the group is killed."""
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        os.close(self.leash)
        await self.watcher.wait()


async def start(argv: Sequence[str], **options: Any) -> Leashed:
    """Run the command with the options of `create_subprocess_exec`.

    bubblewrap binds its life to its parent's, but not from its first moment on: what it had begun by then
    would wait for ever for a parent that is dead. Here the leash is there first. A command that is about to
    be started holds a copy of its other end until it runs, and by then it is in the group.
    """
    holding, leash = os.pipe2(os.O_CLOEXEC)
    try:
        watcher = await asyncio.create_subprocess_exec(
            *WATCHER, stdin=holding, stdout=NONE, stderr=NONE, env={}, cwd="/", process_group=0
        )
        try:
            process = await asyncio.create_subprocess_exec(*argv, process_group=watcher.pid, **options)
        except BaseException:
            watcher.kill()
            await watcher.wait()
            raise
    except BaseException:
        os.close(leash)
        raise
    finally:
        os.close(holding)
    return Leashed(process, watcher, leash)
