"""What people change of a model profile, and what it must pass."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.errors import Invalid
from app.llm.types import CodeChannel, Profile, Think

NULLABLE = frozenset({"temperature", "timeout_s", "vram_gb"})
Tokens = Annotated[int, Field(gt=0, le=100_000_000)]


class ProfileChange(BaseModel):
    """Fields of a profile that are to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str | None = Field(None, min_length=1, max_length=300)
    context_tokens: Tokens | None = None
    """Prompt and answer together."""
    max_output_tokens: Tokens | None = None
    """Includes thinking where the server counts it."""
    think: Think | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    """Null: the server's own. Claude takes none."""
    timeout_s: float | None = Field(None, gt=0, le=100_000)
    """Total deadline of one call, in seconds; null: the setting of its backend."""
    vram_gb: float | None = Field(None, gt=0, le=9_000)
    """What the model and its context take of the graphics card; null: unknown, or not on this machine."""
    max_turns: int | None = Field(None, ge=1, le=10)
    """Questions one task may take, the first included."""
    code_channel: CodeChannel | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ProfileChange:
        if not self.model_fields_set:
            raise ValueError("nothing is to change")
        empty = [name for name in self.model_fields_set - NULLABLE if getattr(self, name) is None]
        if empty:
            raise ValueError(f"{', '.join(sorted(empty))} can not be null")
        return self

    def values(self) -> dict[str, Any]:
        return self.model_dump(include=self.model_fields_set)


def check_profile(profile: Profile) -> None:
    """Raises `Invalid` with the place of what can not work."""
    if profile.temperature is not None and profile.backend == "anthropic":
        raise Invalid("Claude takes no temperature", place="temperature")
    if profile.max_output_tokens >= profile.context_tokens:
        raise Invalid(
            f"an answer of {profile.max_output_tokens:,} tokens leaves no room for a prompt in "
            f"{profile.context_tokens:,} of context",
            place="max_output_tokens",
        )
