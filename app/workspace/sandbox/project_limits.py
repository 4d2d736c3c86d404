"""The limits of a project's commands, as people write them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.workspace.sandbox.limits import MIB, Limits


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
