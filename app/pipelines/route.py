"""A route as people write it: a kind of work, who does it, and who is asked next."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.llm.request import ANY_FAILURE, Reason
from app.llm.types import Think

ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NextProfile(Written):
    """A profile that is asked when the one before gave no answer."""

    profile: ProfileName
    think: Think | None = None
    """Instead of what the profile says."""
    on: tuple[Reason, ...] = Field(ANY_FAILURE, min_length=1)
    """The outcomes it is for; another one passes it by."""


class RouteSpec(Written):
    """Which profile does a kind of work, how fast it should be, and who is asked next."""

    description: str = Field(min_length=1)
    profile: ProfileName
    think: Think | None = None
    """Instead of what the profile says."""
    latency_s: float | None = Field(None, gt=0, le=100_000)
    """Seconds that a person waits for an answer at most; a slower one is reported as late."""
    critical: bool = False
    """Never answered by a lesser model, whatever fails and whatever it costs."""
    cascade: tuple[NextProfile, ...] = Field((), max_length=5)

    @field_validator("cascade")
    @classmethod
    def _each_once(cls, steps: tuple[NextProfile, ...]) -> tuple[NextProfile, ...]:
        asked = [(step.profile, step.think) for step in steps]
        if len(set(asked)) < len(asked):
            raise ValueError("a profile is named twice")
        return steps
