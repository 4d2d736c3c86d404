"""Watches what the kernel's limits do not add up: memory of all processes together, and number of files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from app.workspace.sandbox.limits import Limits

INTERVAL_S = 0.1
PAGE = os.sysconf("SC_PAGE_SIZE")


async def watch(first: int, limits: Limits, work: str | None) -> Literal["memory", "files"]:
    """Returns the limit that process `first` and its descendants broke; never returns while they keep it."""
    while True:
        if await asyncio.to_thread(resident_bytes, first) > limits.memory_bytes:
            return "memory"
        if work and files_in(Path(f"/proc/{first}/root{work}")) > limits.files:
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
