"""What one sandboxed command may use, and the size of what may come back."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024

RESULT_BYTES = 8 * MIB
"""A larger JUnit file counts as none."""


@dataclass(frozen=True)
class Limits:
    """Limits of one run. Memory is watched from outside, the others are enforced by the kernel."""

    wall_s: float = 120
    cpu_s: int = 60
    """Per process."""
    memory_bytes: int = 1024 * MIB
    """Resident memory of all processes together."""
    address_space_bytes: int | None = 4096 * MIB
    """Per process; None: any amount. Threads reserve address space that they never touch, so this is wider
    than the memory, and some programs (browsers, Go, Java, Node) reserve far more."""
    processes: int = 128
    """Processes and threads together."""
    file_bytes: int = 64 * MIB
    work_bytes: int = 256 * MIB
    """The throw-away copy of the source with all that the command adds to it."""
    files: int = 200_000
    """Files in the throw-away copy; empty files cost memory that no size limit counts."""
    tmp_bytes: int = 64 * MIB
    """The folder for temporary files."""
    home_bytes: int = 64 * MIB
    """The home folder, where tools keep their caches."""
    shm_bytes: int = 16 * MIB
    """Shared memory; a browser wants more of it."""
    open_files: int = 256
    output_bytes: int = MIB
    """How much of the end of the output is kept; the rest is read and dropped."""


def prlimit(program: str, limits: Limits) -> list[str]:
    """The command that sets the limits of a process. It runs inside, where processes are counted apart."""
    space = [] if limits.address_space_bytes is None else [f"--as={limits.address_space_bytes}"]
    return [
        program,
        f"--nproc={limits.processes}",
        *space,
        f"--cpu={limits.cpu_s}:{limits.cpu_s + 2}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={limits.open_files}",
        "--core=0",
        "--",
    ]
