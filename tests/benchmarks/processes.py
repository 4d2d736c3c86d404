"""What the kernel says about processes: CPU time and memory, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _CUTIME, _CSTIME, _PARENT = 11, 12, 13, 14, 1


def cpu_s(pid: int) -> float:
    """CPU seconds of a process with all its threads, and of its children that have ended."""
    fields = _stat(pid)
    return sum(int(fields[index]) for index in (_UTIME, _STIME, _CUTIME, _CSTIME)) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def postmaster(connection: psycopg.Connection) -> int | None:
    """The server's first process; None when it runs on another machine."""
    try:
        parent = int(_stat(connection.info.backend_pid)[_PARENT])
        return parent if Path(f"/proc/{parent}/comm").read_text().startswith("postgres") else None
    except OSError:
        return None


def family_cpu_s(parent: int) -> float:
    """CPU seconds of a process, of its children that live and of those that have ended."""
    total = cpu_s(parent)
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and int(_stat(int(folder.name))[_PARENT]) == parent:
                total += cpu_s(int(folder.name))
        except OSError:  # it ended just now and is in its parent's sum
            continue
    return total


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
