"""Whether the pipeline pays: what the ledger measured beside what working without it is assumed to take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from app.errors import Invalid


@dataclass(frozen=True)
class Before:
    """One epic by hand, in a chat: assumptions, not measurements. The defaults are those of the plan."""

    tokens_low: int = 115_000
    """Architecture 40,000, development 60,000, review 15,000: prose and code."""
    tokens_high: int = 160_000
    """With the discussions, the failed tests and the documents."""
    premium_low: Decimal = Decimal(3)
    """How much dearer a token is there than over the API."""
    premium_high: Decimal = Decimal(5)
    bootstrap_usd: Decimal = Decimal(20)
    """What it took to have the pipeline at all."""
    hours_low: float = 8.0
    hours_high: float = 12.0

    def __post_init__(self) -> None:
        pairs = ((self.tokens_low, self.tokens_high), (self.premium_low, self.premium_high))
        if any(not 0 < low <= high for low, high in pairs) or not 0 < self.hours_low <= self.hours_high:
            raise Invalid(
                "what is assumed of before is more than 0, and the low figure no more than the high"
            )
        if self.bootstrap_usd < 0:
            raise Invalid("the cost of the start is not negative", place="bootstrap_usd")


@dataclass(frozen=True)
class Roi:
    """Dollars before are reckoned with the measured price of a token. None: too little is known."""

    before: Before
    epics: int
    """Succeeded ones: the measure."""
    tokens: int | None
    """Measured: of one succeeded epic, with its share of those that failed."""
    usd: Decimal | None
    """Measured, the same."""
    tokens_saved: tuple[float, float] | None
    """Share of the tokens before, at the low and the high assumption."""
    usd_before: tuple[Decimal, Decimal] | None
    """Assumed: the tokens before at the measured price of a token, times the premium."""
    break_even: tuple[int, int] | None
    """Epics after which the start is paid, at best and at worst. None: nothing is saved, or unknown."""
    hours: float | None
    """Measured: from the order of an epic to its commit, on the average; without the review by a person."""


def roi(before: Before, *, epics: int, tokens: int, usd: Decimal, unpriced: int, seconds: float) -> Roi:
    """`epics` succeeded; `tokens` and `usd` are of all, failed ones too; `seconds` of the succeeded ones."""
    if not epics:
        return Roi(before, 0, None, None, None, None, None, None)
    each = round(tokens / epics)
    each_usd = usd / epics if not unpriced else None
    saved = (1 - each / before.tokens_low, 1 - each / before.tokens_high)
    cost = _before(before, each, each_usd)
    return Roi(
        before=before,
        epics=epics,
        tokens=each,
        usd=each_usd,
        tokens_saved=saved,
        usd_before=cost,
        break_even=_break_even(before, cost, each_usd),
        hours=seconds / epics / 3600,
    )


def _before(before: Before, tokens: int, usd: Decimal | None) -> tuple[Decimal, Decimal] | None:
    """None: nothing was paid for, so a token has no price to go by."""
    if not usd or not tokens:
        return None
    price = usd / tokens
    return (
        before.tokens_low * price * before.premium_low,
        before.tokens_high * price * before.premium_high,
    )


def _break_even(
    before: Before, cost: tuple[Decimal, Decimal] | None, usd: Decimal | None
) -> tuple[int, int] | None:
    if cost is None or usd is None or cost[0] <= usd:
        return None
    return (
        math.ceil(before.bootstrap_usd / (cost[1] - usd)),
        math.ceil(before.bootstrap_usd / (cost[0] - usd)),
    )
