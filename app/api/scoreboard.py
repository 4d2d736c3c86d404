"""What a run will take, before it begins; and how the epics of a project went."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.pipelines import Name
from app.api.usage import Dollars
from app.pipelines.projects import SELF
from app.pipelines.scoreboard.roi import Before
from app.pipelines.scoreboard.scoreboard import scoreboard
from app.tables import TokenRole

router = APIRouter(tags=["improvements"], dependencies=[Depends(bearer)])
DEFAULT = Before()


class TokenRange(BaseModel):
    low: int
    expected: int
    high: int


class DollarRange(BaseModel):
    low: Dollars
    expected: Dollars
    high: Dollars


class Question(BaseModel):
    """The run that is thought of."""

    model_config = ConfigDict(extra="forbid")

    epic_description: str
    definition: Name | None = None
    project: Name | None = None
    profile: Name | None = None


class PhaseEstimateView(BaseModel):
    """One phase that asks a model."""

    phase: str
    profile: str
    model: str
    input_tokens: int
    """Of one question: the prompt as it would be sent, with the answers that it will quote."""
    is_rendered: bool
    """False: the prompt wants what only a run has, so its text and its repository budget were counted."""
    output_tokens: TokenRange
    """Of one round."""
    tokens: TokenRange
    """Prompt and answer, with the re-asks and the reworks."""
    usd: DollarRange | None
    """Null: the price is unknown."""
    samples: int
    """Rounds that the length of the answer is known from; 0: it is assumed."""
    escalated: float
    """Share of the earlier rounds in which another model was asked; its price is not in the figures."""


class EstimateView(BaseModel):
    """What one run will take. No model was asked for it."""

    definition: str
    project: str | None
    base_commit: str | None
    tokens: TokenRange
    usd: DollarRange | None
    """Null: the price of a phase is unknown."""
    phases: list[PhaseEstimateView]
    runs: int
    """Ended runs of the definition that it goes by; 0: answers and reworks are assumed."""
    reworks: float
    reworks_high: float


class GuessView(BaseModel):
    """Estimates beside what the same epics took."""

    epics: int
    tokens: int
    tokens_taken: int
    usd: Dollars | None
    usd_taken: Dollars


class BeforeView(BaseModel):
    """What an epic by hand is assumed to take."""

    tokens_low: int
    tokens_high: int
    premium_low: Dollars
    premium_high: Dollars
    bootstrap_usd: Dollars
    hours_low: float
    hours_high: float


class RoiView(BaseModel):
    """The ledger is measured; all of `before` is assumed."""

    before: BeforeView
    epics: int
    """Succeeded ones: the measure."""
    tokens: int | None
    """Measured: of one succeeded epic, with its share of those that failed."""
    usd: Dollars | None
    tokens_saved: tuple[float, float] | None
    """Share of the tokens before, at the low and the high assumption."""
    usd_before: tuple[Dollars, Dollars] | None
    """Assumed tokens at the measured price of a token, times the premium."""
    break_even: tuple[int, int] | None
    """Epics after which the start is paid, at best and at worst; null: never, or unknown."""
    hours: float | None
    """Measured: from an order to its commit, without the review by a person."""


class ScoreboardView(BaseModel):
    """Of the epics that began today (UTC) or in so many days before."""

    project: str
    days: int
    epics: int
    succeeded: int
    failed: int
    cancelled: int
    under_way: int
    committed: int
    merged: int | None
    """Commits that the base branch holds; null: the repository is not on this host."""
    merged_share: float | None
    """Of the succeeded epics."""
    reverted: int | None
    tokens: int
    tokens_per_epic: int | None
    usd: Dollars
    usd_per_merged: Dollars | None
    """All that was spent, over what is merged."""
    unpriced: int
    reworks: int
    reworks_per_epic: float | None
    gate_failures: dict[str, int]
    """Gates that did not pass, by kind, over all rounds."""
    test_failures: int
    """Rounds in which tests failed."""
    guess: GuessView | None
    roi: RoiView


class Assumed(BaseModel):
    """Which project, how far back, and what is assumed of an epic by hand."""

    model_config = ConfigDict(extra="forbid")

    project: Name = SELF
    days: Annotated[int, Query(ge=1, le=3660)] = 30
    tokens_low: int = DEFAULT.tokens_low
    tokens_high: int = DEFAULT.tokens_high
    premium_low: Decimal = DEFAULT.premium_low
    premium_high: Decimal = DEFAULT.premium_high
    bootstrap_usd: Decimal = DEFAULT.bootstrap_usd
    hours_low: float = DEFAULT.hours_low
    hours_high: float = DEFAULT.hours_high

    def before(self) -> Before:
        return Before(**self.model_dump(exclude={"project", "days"}))


@router.post("/estimates", summary="What a run would take, in tokens and dollars; no model is asked")
@needs(TokenRole.OPERATOR)
async def estimate(body: Question, services: ServicesOf) -> EstimateView:
    found = await services.estimator.estimate(
        body.epic_description, definition=body.definition, project=body.project, profile=body.profile
    )
    return EstimateView.model_validate(found, from_attributes=True)


@router.get("/self", summary="The scoreboard of the checkout that the service runs from, with its defaults")
@needs(TokenRole.VIEWER)
async def show_self(services: ServicesOf) -> ScoreboardView:
    return await show(services, Assumed())


@router.get("/scoreboard", summary="How the epics of a project went, what they cost, and whether that pays")
@needs(TokenRole.VIEWER)
async def show(services: ServicesOf, query: Annotated[Assumed, Query()]) -> ScoreboardView:
    """`self` is the checkout that the service runs from."""
    board = await scoreboard(services.database, query.project, query.days, query.before())
    return ScoreboardView.model_validate(board, from_attributes=True)
