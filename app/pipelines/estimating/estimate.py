"""An estimate as values, and how its figures come about."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True)
class Range(Generic[Number]):
    """`low`: all goes well and answers are of middle length. `high`: reworks and long answers, as 9 in 10."""

    low: Number
    expected: Number
    high: Number


@dataclass(frozen=True)
class PhaseEstimate:
    """One phase that asks a model."""

    phase: str
    profile: str
    model: str
    input_tokens: int
    """Of one question: the prompt as it would be sent, with the answers that it will quote."""
    is_rendered: bool
    """False: the prompt wants what only a run has, so its text and its repository budget were counted."""
    output_tokens: Range[int]
    """Of one round."""
    tokens: Range[int]
    """Prompt and answer, with the re-asks and the reworks."""
    usd: Range[Decimal] | None
    """None: the price is unknown."""
    samples: int
    """Rounds that the length of the answer is known from; 0: a quarter of the phase's limit to all of it."""
    escalated: float
    """Share of the earlier rounds in which another model than the route's own was asked: its price is not
    in the figures."""


@dataclass(frozen=True)
class Estimate:
    """What one run will take. Nothing was asked of a model for it."""

    epic: str
    definition: str
    project: str | None
    base_commit: str | None
    phases: tuple[PhaseEstimate, ...]
    runs: int
    """Ended runs of the definition that it goes by."""
    reworks: float
    """Of one run, on the average; 0 without a past."""
    reworks_high: float

    @property
    def tokens(self) -> Range[int]:
        return Range(
            sum(one.tokens.low for one in self.phases),
            sum(one.tokens.expected for one in self.phases),
            sum(one.tokens.high for one in self.phases),
        )

    @property
    def usd(self) -> Range[Decimal] | None:
        """None: the price of a phase is unknown."""
        known = [one.usd for one in self.phases if one.usd is not None]
        if len(known) < len(self.phases):
            return None
        return Range(
            sum((one.low for one in known), start=Decimal(0)),
            sum((one.expected for one in known), start=Decimal(0)),
            sum((one.high for one in known), start=Decimal(0)),
        )
