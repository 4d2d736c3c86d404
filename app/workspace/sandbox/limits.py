"""What one sandboxed command may use, and the size of what may come back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class SandboxLimits(BaseModel):
    """What a project's commands may use where that differs from the sandbox's own. None: as it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wall_s: float | None = Field(None, gt=0, le=86_400)
    """Of one command; it goes before the limit of the phase."""
    cpu_s: int | None = Field(None, gt=0, le=86_400)
    """Per process."""
    memory_mb: int | None = Field(None, ge=64, le=256 * 1024)
    """Resident memory of all processes together."""
    address_space_mb: Annotated[int, Field(ge=256, le=64 * 1024 * 1024)] | Literal[0] | None = None
    """Per process; 0: any amount."""
    processes: int | None = Field(None, ge=4, le=32_768)
    file_mb: int | None = Field(None, ge=1, le=64 * 1024)
    work_mb: int | None = Field(None, ge=16, le=64 * 1024)
    """The throw-away copy of the source with all that the command adds to it; it lies in memory."""
    files: int | None = Field(None, ge=100, le=10_000_000)
    tmp_mb: int | None = Field(None, ge=1, le=64 * 1024)
    """Temporary files, in memory too; unless set, at least a quarter of `work_mb`."""
    home_mb: int | None = Field(None, ge=1, le=64 * 1024)
    """The home folder; like `tmp_mb`."""
    shm_mb: int | None = Field(None, ge=1, le=16 * 1024)
    """Shared memory; a browser wants more of it."""
    open_files: int | None = Field(None, ge=32, le=65_536)

    def over(self, limits: Limits) -> Limits:
        """The limits with these in place of their own."""
        given = self.model_dump(exclude_none=True)
        sizes = {name for name in given if name.endswith("_mb")}
        changes = {name: value for name, value in given.items() if name not in sizes}
        changes |= {f"{name.removesuffix('_mb')}_bytes": given[name] * MIB for name in sizes}
        if self.address_space_mb == 0:
            changes["address_space_bytes"] = None
        share = (self.work_mb or 0) * MIB // 4  # whoever works on more also needs more room beside it
        for name in {"tmp_bytes", "home_bytes"} - set(changes):
            changes[name] = max(getattr(limits, name), share)
        return replace(limits, **changes)


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
