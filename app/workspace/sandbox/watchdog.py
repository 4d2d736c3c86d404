"""Watches what the kernel's limits do not add up: memory of all processes together, and number of files."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from app.workspace.sandbox.limits import Limits

INTERVAL_S = 0.1
ROUNDS = 100
PAGE = os.sysconf("SC_PAGE_SIZE")


async def watch(
    first: int, limits: Limits, work: str | None, folder: Path | None = None
) -> Literal["memory", "files"]:
    """Returns the limit that process `first` and its descendants broke; never returns while they keep it.

    The files are those of the file system `work` inside, or those of a folder of the host.
    """
    while True:
        if await asyncio.to_thread(resident_bytes, first) > limits.memory_bytes:
            return "memory"
        if work and files_in(Path(f"/proc/{first}/root{work}")) > limits.files:
            return "files"
        if folder is not None and await asyncio.to_thread(_overfull, folder, limits):
            return "files"
        await asyncio.sleep(INTERVAL_S)


def resident_bytes(first: int) -> int:
    """Resident memory of `first` and all its descendants.

    In a process namespace every orphan becomes a child of its first process, so nobody leaves the tree.
    """
    return PAGE * sum(_resident_pages(pid) for pid in tree(first))


def tree(first: int) -> Iterator[int]:
    """`first` and its living descendants."""
    pending = [first]
    while pending:
        pid = pending.pop()
        yield pid
        pending += _children(pid)


def files_in(mount: Path) -> int:
    """How many files a file system of its own holds; 0 when the sandbox is gone or not yet built."""
    try:
        if not os.path.ismount(mount):
            return 0
        found = os.statvfs(mount)
    except OSError:
        return 0
    return found.f_files - found.f_ffree


def kill_marked(entry: bytes) -> None:
    """Kill every process whose environment holds `entry`, until there is none; what it forks has it too."""
    for _ in range(ROUNDS):
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _has(pid, entry)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _has(pid: int, entry: bytes) -> bool:
    try:
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _overfull(folder: Path, limits: Limits) -> bool:
    """More files or bytes than the throw-away copy may have."""
    number = size = 0
    for parent, folders, names in os.walk(folder):
        for name in (*names, *folders):
            with suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_blocks * 512
        number += len(names) + len(folders)
        if number > limits.files or size > limits.work_bytes:
            return True
    return False


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except OSError:  # ended while we looked
        pass
    return found


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
