"""What a caller is asked, what it answers, and how patient it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args
from uuid import UUID

from app.llm.types import JSON, CallKey, Profile, Schema
from app.tables import Priority
from app.usage.tokens import Tokens

Reason = Literal[
    "invalid_answer",
    "gate_failed",
    "low_confidence",
    "backend_down",
    "overloaded",
    "rate_limited",
    "deadline_exceeded",
    "out_of_credit",
    "budget_exceeded",
    "context_overflow",
    "truncated",
    "refused",
    "loop_detected",
    "model_not_found",
    "missing_key",
    "card_too_small",
]
"""Why the next profile of a cascade is asked: an outcome of the ledger, or a gate behind the answer."""
ANY_FAILURE: tuple[Reason, ...] = get_args(Reason)
QUOTA: frozenset[str] = frozenset(
    {"backend_down", "overloaded", "rate_limited", "out_of_credit", "budget_exceeded", "missing_key"}
)
"""A paid model could not be had, which is no fault of the question."""


class NotAccepted(Exception):
    """The answer is valid, but what it asks for can not be done; one line per reason."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True)
class CascadeStep:
    """A profile that is asked when the one before gave no answer, for one of these outcomes."""

    profile: Profile
    on: tuple[Reason, ...]


@dataclass(frozen=True)
class Cascade:
    """Who is asked in place of the route's own profile, when, and what the run's policy lets through."""

    steps: tuple[CascadeStep, ...] = ()
    critical: bool = False
    """Never answered by a lesser model than the route's own."""
    escalate_to_paid: bool = False
    """Whether it may go from a free to a paid profile."""
    fall_back_to_local: bool = False
    """Whether it may go from a paid to a free profile."""
    gates_failed: int = 0
    """How often work of this task was sent back; each moves on to a step that is for `gate_failed`."""
    min_confidence: float | None = None
    """An answer that is less sure of itself goes on to the next profile, where there is one."""


@dataclass(frozen=True)
class Blocks:
    """The other form of a task that asks for files, for profiles whose code channel is `blocks`."""

    system: str
    """The stable prefix, with the channel's instructions in it."""


Accept = Callable[[JSON], Awaitable[None]]
"""Uses the validated answer. Raises `NotAccepted` to have the model told why not."""
Repair = Callable[[Sequence[str]], Awaitable[str]]
"""Renders the message that tells the model what was wrong."""


@dataclass(frozen=True)
class Request:
    """One question, with all that is needed to judge and to bill the answer."""

    profile: Profile
    role: str
    system: str
    task: str
    schema: Schema
    key: CallKey
    prompt_digest: str
    repair: Repair
    prompt_version: int | None = None
    pipeline_id: UUID | None = None
    phase_run_id: int | None = None
    accept: Accept | None = None
    reasks: int = 2
    """How often an invalid answer is asked again."""
    priority: Priority = Priority.INTERACTIVE
    """Whose call goes first when the limits let not all go."""
    group: str | None = None
    """The batch it belongs to; batches take turns."""
    route: str | None = None
    """Name of the route that chose the profile."""
    cascade: Cascade = field(default_factory=Cascade)
    system_in_words: str | None = None
    """The stable prefix where no grammar binds the answer; None: it is the same."""
    blocks: Blocks | None = None
    """None: the task asks for no files, or nobody in line writes them as blocks."""
    deliverable: str = "the JSON document"
    """What is asked for, in words, when a local model has to be told twice."""
    may_be_stored: bool = True
    """False: nobody can have been answered before, so the answer is not looked for before it is asked."""
    cache: bool = False
    """Whether an earlier answer to the very same question may be given again."""


@dataclass(frozen=True)
class Reply:
    """The validated answer and what it took to get it."""

    data: JSON
    model: str
    tokens: Tokens
    cost_usd: Decimal | None
    """None: at least one call has an unknown price."""
    calls: int
    profile: str = ""
    """Name of the profile that answered."""
    reason: str | None = None
    """Why it was asked in place of the one before; None: it was the route's own."""


@dataclass(frozen=True)
class Patience:
    """How a failed attempt is retried."""

    attempts: int = 3
    backoff_s: float = 1.0
    """Doubles with each attempt."""
