"""What a route would do with a text: who is asked, who is passed over, who may be asked next, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.llm.cascade import Around, refused, too_big
from app.llm.request import ANY_FAILURE, Cascade, Reason
from app.llm.types import JSON, BackendName, Profile, Think
from app.pipelines.choosing import Chosen
from app.pipelines.snapshot import Policy
from app.usage.estimate import estimate_tokens
from app.usage.prices import Prices


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
    prices: Prices = field(default_factory=Prices)


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
    route, policy = chosen.route, circumstances.policy
    inquiry = _Inquiry(
        tokens=estimate_tokens(text),
        own=_with_think(profiles[route.profile], route.think),
        cascade=Cascade(
            critical=route.critical,
            escalate_to_paid=policy.escalate_to_paid,
            fall_back_to_local=policy.fall_back_to_local,
        ),
        around=Around(circumstances.vram_gb, circumstances.prices),
        missing=circumstances.missing,
    )
    line = [inquiry.own_place()]
    for step in route.cascade:
        line.append(inquiry.place(_with_think(profiles[step.profile], step.think), step.on, line))
    return Explanation(chosen, inquiry.tokens, policy, tuple(line))


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


@dataclass(frozen=True)
class _Inquiry:
    """What the places of one line are judged by."""

    tokens: int
    own: Profile
    cascade: Cascade
    around: Around
    missing: Mapping[BackendName, str]

    def own_place(self) -> Place:
        why = self._unfit(self.own)
        turn = Turn.FIRST if why is None else Turn.PASSED_OVER
        return self._place(self.own, (), turn, why or "the profile of the route")

    def place(self, profile: Profile, on: Sequence[Reason], before: Sequence[Place]) -> Place:
        """A step of the cascade, by the rules that the caller goes by."""
        refusals = {reason: refused(self.cascade, self.own, profile, reason, self.around) for reason in on}
        allowed = tuple(reason for reason, why in refusals.items() if why is None)
        if not allowed:
            return self._place(profile, (), Turn.NOT_ALLOWED, list(refusals.values())[-1] or "")
        if (why := self._unfit(profile)) is not None:
            return self._place(profile, allowed, Turn.PASSED_OVER, why)
        if any(place.turn is Turn.FIRST for place in before):
            when = "after any failure" if allowed == ANY_FAILURE else "after " + ", ".join(allowed)
            return self._place(profile, allowed, Turn.NEXT, when)
        if (cause := self._cause()) not in allowed:
            return self._place(profile, allowed, Turn.PASSED_OVER, f"it is not for {cause}")
        return self._place(profile, allowed, Turn.FIRST, "the next in line that fits")

    def _cause(self) -> Reason:
        """Why the route's own profile is passed over."""
        return "card_too_small" if too_big(self.own, self.around.vram_gb) else "context_overflow"

    def _unfit(self, profile: Profile) -> str | None:
        if (why := too_big(profile, self.around.vram_gb)) is not None:
            return why
        if self.tokens <= room(profile):
            return None
        return (
            f"the text has about {self.tokens:,} tokens; {profile.context_tokens:,} of context less "
            f"{profile.max_output_tokens:,} for the answer leave {max(room(profile), 0):,}"
        )

    def _place(self, profile: Profile, on: tuple[Reason, ...], turn: Turn, why: str) -> Place:
        return Place(profile, on, turn, why, self.missing.get(profile.backend))


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


def _with_think(profile: Profile, think: Think | None) -> Profile:
    return profile if think is None else replace(profile, think=think)
