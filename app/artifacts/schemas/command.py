"""What a command did: `CommandResult`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class CommandResult(Document):
    """One run of one command in the sandbox."""

    outcome: Literal["passed", "failed"] = Field(description="passed: it ended with 0")
    argv: list[str] = Field(description="The command")
    exit_code: int | None = Field(description="Null: the command was killed")
    ended: str = Field(description="How it ended, like exit, timeout or memory")
    duration_s: float = Field(description="Seconds it took", ge=0)
    output_tail: str = Field(description="End of what it printed")
