"""What one sandboxed command may use, and the size of what may come back."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    address_space_bytes: int = 4096 * MIB
    """Per process. Threads reserve address space that they never touch, so this is wider than the memory."""
    processes: int = 128
    """Processes and threads together."""
    file_bytes: int = 64 * MIB
    work_bytes: int = 256 * MIB
    """The throw-away copy of the source with all that the command adds to it."""
    files: int = 200_000
    """Files in the throw-away copy; empty files cost memory that no size limit counts."""
    open_files: int = 256
    output_bytes: int = MIB
    """How much of the end of the output is kept; the rest is read and dropped."""


class SandboxLimits(BaseModel):
    """What a project's commands may use where that differs from the sandbox's own. None: as it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wall_s: float | None = Field(None, gt=0, le=86_400)
    cpu_s: int | None = Field(None, gt=0, le=86_400)
    """Per process."""
    memory_mb: int | None = Field(None, ge=64, le=1024 * 1024)
    """Resident memory of all processes together."""
    address_space_mb: int | None = Field(None, ge=256, le=64 * 1024 * 1024)
    processes: int | None = Field(None, ge=4, le=32_768)
    file_mb: int | None = Field(None, ge=1, le=1024 * 1024)
    work_mb: int | None = Field(None, ge=16, le=1024 * 1024)
    """The throw-away copy of the source with all that the command adds to it."""
    files: int | None = Field(None, ge=100, le=100_000_000)
    open_files: int | None = Field(None, ge=32, le=1024 * 1024)

    def over(self, limits: Limits) -> Limits:
        """The limits with these in place of their own."""
        given = self.model_dump(exclude_none=True)
        sizes = {name for name in given if name.endswith("_mb")}
        changes = {name: value for name, value in given.items() if name not in sizes}
        changes |= {f"{name.removesuffix('_mb')}_bytes": given[name] * MIB for name in sizes}
        return replace(limits, **changes)


def prlimit(program: str, limits: Limits) -> list[str]:
    """The command that sets the limits of a process. It runs inside, where processes are counted apart."""
    return [
        program,
        f"--nproc={limits.processes}",
        f"--as={limits.address_space_bytes}",
        f"--cpu={limits.cpu_s}:{limits.cpu_s + 2}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={limits.open_files}",
        "--core=0",
        "--",
    ]
