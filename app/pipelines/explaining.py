"""What a route would do with a text: who is asked, who is passed over, who may be asked next, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.llm.request import ANY_FAILURE, QUOTA, Reason
from app.llm.types import JSON, BackendName, Profile, Think
from app.pipelines.choosing import Chosen
from app.pipelines.route import NextProfile
from app.pipelines.snapshot import Policy
from app.usage.estimate import estimate_tokens


class Turn(StrEnum):
    """What becomes of a profile in line."""

    FIRST = "first"
    NEXT = "next"
    """Asked when those before gave no answer, for one of its outcomes."""
    PASSED_OVER = "passed_over"
    """The text or the model does not fit."""
    NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True)
class Circumstances:
    """What decides beside the rows."""

    policy: Policy
    vram_gb: float | None
    """Memory of the graphics card; None: unknown, so nothing is passed over for it."""
    missing: Mapping[BackendName, str]
    """Why a backend can not be asked, such as a key that is not set; the others can."""


@dataclass(frozen=True)
class Place:
    """A profile in the line of a route."""

    profile: Profile
    """With the thinking that the route asks for."""
    on: tuple[Reason, ...]
    """The outcomes it is for; none: it is the route's own."""
    turn: Turn
    why: str
    missing: str | None
    """Why its backend can not be asked; None: it is set up. No other takes its place for that."""


@dataclass(frozen=True)
class Explanation:
    """The route of one text, and all in its line."""

    chosen: Chosen
    text_tokens: int
    """Estimated, of the text alone: the prompt around it and the schema come on top."""
    policy: Policy
    line: tuple[Place, ...]

    @property
    def first(self) -> Place | None:
        """Who is asked. None: nobody in line can take this text."""
        return next((place for place in self.line if place.turn is Turn.FIRST), None)


def explain(
    text: str, chosen: Chosen, profiles: Mapping[str, Profile], circumstances: Circumstances
) -> Explanation:
    """`profiles` holds all that the route names. Asks no server."""
    route = chosen.route
    tokens = estimate_tokens(text)
    own = _with_think(profiles[route.profile], route.think)
    line: list[Place] = []
    for profile, on in [
        (own, ()),
        *_steps(own, route.cascade, profiles),
    ]:
        turn, why = _turn(profile, on, own, line, tokens, route.critical, circumstances)
        line.append(Place(profile, on, turn, why, circumstances.missing.get(profile.backend)))
    return Explanation(chosen, tokens, circumstances.policy, tuple(line))


def as_json(found: Explanation) -> dict[str, JSON]:
    """As plain JSON, for every surface alike."""
    chosen, first = found.chosen, found.first
    return {
        "route": chosen.name,
        "by": chosen.by,
        "keyword": chosen.keyword,
        "why": chosen.why,
        "profile": first.profile.name if first else None,
        "latency_s": chosen.route.latency_s,
        "critical": chosen.route.critical,
        "text_tokens": found.text_tokens,
        "policy": found.policy.model_dump(),
        "line": [_place_json(place) for place in found.line],
    }


def room(profile: Profile) -> int:
    """Tokens that a prompt may have."""
    return profile.context_tokens - profile.max_output_tokens


def refusal(own: Profile, step: Profile, policy: Policy, *, critical: bool) -> str | None:
    """Why a cascade may not go from the route's own profile to that step; None: it may."""
    if critical and not step.is_paid:
        return "a critical route is never answered by a lesser model"
    if step.is_paid and not own.is_paid and not policy.escalate_to_paid:
        return "from a free to a paid model only with escalate_to_paid"
    if own.is_paid and not step.is_paid and not policy.fall_back_to_local:
        return "from a paid to a free model only with fall_back_to_local"
    return None


def outcomes(own: Profile, step: Profile, on: Sequence[Reason]) -> tuple[Reason, ...]:
    """What the step is for. A free model does no work of a paid one again, it only stands in for one."""
    if own.is_paid and not step.is_paid:
        return tuple(reason for reason in on if reason in QUOTA)
    return tuple(on)


def _turn(
    profile: Profile,
    on: Sequence[Reason],
    own: Profile,
    before: Sequence[Place],
    tokens: int,
    critical: bool,
    circumstances: Circumstances,
) -> tuple[Turn, str]:
    if before and (refused := refusal(own, profile, circumstances.policy, critical=critical)):
        return Turn.NOT_ALLOWED, refused
    if before and not on:
        return Turn.NOT_ALLOWED, "a free model stands in for a paid one, and does no work of it again"
    if tokens > room(profile):
        return (
            Turn.PASSED_OVER,
            f"the text has about {tokens:,} tokens; {profile.context_tokens:,} of context less "
            f"{profile.max_output_tokens:,} for the answer leave {max(room(profile), 0):,}",
        )
    card = circumstances.vram_gb
    if card is not None and profile.vram_gb is not None and profile.vram_gb > card:
        return Turn.PASSED_OVER, f"it takes {profile.vram_gb:g} GB; the graphics card has {card:g} GB"
    if not before:
        return Turn.FIRST, "the profile of the route"
    if any(place.turn is Turn.FIRST for place in before):
        return Turn.NEXT, "after any failure" if tuple(on) == ANY_FAILURE else "after " + ", ".join(on)
    if "context_overflow" not in on and tokens > room(before[0].profile):
        return Turn.PASSED_OVER, f"it is for {', '.join(on)}, not for a text that is too long"
    return Turn.FIRST, "the next in line that fits"


def _place_json(place: Place) -> dict[str, JSON]:
    profile = place.profile
    return {
        "profile": profile.name,
        "backend": profile.backend,
        "model": profile.model,
        "think": profile.think,
        "temperature": profile.temperature,
        "on": list(place.on),
        "turn": place.turn.value,
        "why": place.why,
        "missing": place.missing,
    }


def _steps(
    own: Profile, cascade: Sequence[NextProfile], profiles: Mapping[str, Profile]
) -> Iterator[tuple[Profile, tuple[Reason, ...]]]:
    for step in cascade:
        profile = _with_think(profiles[step.profile], step.think)
        yield profile, outcomes(own, profile, step.on)


def _with_think(profile: Profile, think: Think | None) -> Profile:
    return profile if think is None else replace(profile, think=think)
