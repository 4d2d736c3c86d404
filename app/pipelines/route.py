"""A route as people write it: a kind of work, who does it, and who is asked next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from app.errors import Invalid, unknown
from app.llm.request import ANY_FAILURE, Reason
from app.llm.types import Profile, Think


def _plain(word: str) -> str:
    if word != word.lower():
        raise ValueError("a keyword is in lower case; texts are searched in any case")
    return word


ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RouteName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Word = Annotated[str, AfterValidator(_plain), Field(pattern=r"^\S(.{0,62}\S)?$")]
"""A keyword in lower case."""
ANYTHING = "*"
"""The keyword that is found in every text, after all others."""


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


class Keyword(Written):
    """A word that leads free text to a route."""

    keyword: Word
    route: RouteName


def check_route(route: RouteSpec, profiles: Mapping[str, Profile]) -> None:
    """Raises `Invalid` with the place: no such profile, or a free step of a critical route."""
    named = {"profile": route.profile}
    named |= {f"cascade.{number}.profile": step.profile for number, step in enumerate(route.cascade)}
    for place, name in named.items():
        if name not in profiles:
            raise Invalid(unknown("model profile", name, profiles).message, place=place)
        if route.critical and place != "profile" and not profiles[name].is_paid:
            raise Invalid(
                f"{name} is free, and a critical route is never answered by a lesser model: "
                "take it out of the cascade, or say that the route is not critical",
                place=place,
            )
