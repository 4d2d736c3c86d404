"""Who is asked next: the steps of a route, and what the run's policy and this machine let through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.llm.errors import BackendDown, LLMError
from app.llm.request import QUOTA, Cascade, Request
from app.llm.types import Profile
from app.usage.budget import BudgetExceeded
from app.usage.prices import Prices


class CardTooSmall(LLMError):
    """The model and its context take more of the graphics card than there is."""

    code = "card_too_small"


@dataclass(frozen=True)
class Around:
    """What decides beside the route and the run: it is live, not pinned."""

    vram_gb: float | None = None
    """Memory of the graphics card; None: unknown, so nothing is passed over for it."""
    prices: Prices = field(default_factory=Prices)

    def is_paid(self, profile: Profile) -> bool:
        """Whether an answer costs money, by the prices of today."""
        return not self.prices.is_free(
            profile.backend, profile.model, profile.price_usd_per_mtok, datetime.now(UTC)
        )


@dataclass(frozen=True)
class Turn:
    """One profile of the route, and why it is its turn."""

    number: int
    """0: the route's own profile."""
    profile: Profile
    reason: str | None = None


def first(request: Request, around: Around) -> Turn:
    """The route's own profile, or a later one for each gate that the work failed before.

    Raises `CardTooSmall` when the graphics card holds none of those that may be asked.
    """
    turn = Turn(0, request.profile)
    if (why := too_big(request.profile, around.vram_gb)) is not None:
        following = after(request, turn, CardTooSmall.code, around)
        if following is None:
            raise CardTooSmall(
                f"the profile {request.profile.name!r}: {why}. Nothing was sent. "
                "Use another profile, or set WORKBENCH_VRAM_GB if the card has more"
            )
        turn = following
    for _ in range(request.cascade.gates_failed):
        turn = after(request, turn, "gate_failed", around) or turn
    return turn


def after(request: Request, turn: Turn, reason: str, around: Around) -> Turn | None:
    """The next step that is for this outcome and that may be taken; None: there is none."""
    steps = request.cascade.steps
    for number, step in enumerate(steps[turn.number :], turn.number + 1):
        if reason not in step.on or too_big(step.profile, around.vram_gb) is not None:
            continue
        if refused(request.cascade, request.profile, step.profile, reason, around) is None:
            return Turn(number, step.profile, reason)
    return None


def too_big(profile: Profile, vram_gb: float | None) -> str | None:
    """Why the graphics card does not hold it; None: it does, or nobody knows."""
    if vram_gb is None or profile.vram_gb is None or profile.vram_gb <= vram_gb:
        return None
    return f"it takes {profile.vram_gb:g} GB; the graphics card has {vram_gb:g} GB"


def refused(cascade: Cascade, own: Profile, step: Profile, reason: str, around: Around) -> str | None:
    """Why work of the route's own profile may not go to that one after this outcome; None: it may."""
    from_paid, to_paid = around.is_paid(own), around.is_paid(step)
    if cascade.critical and not to_paid:
        return "a critical route is never answered by a lesser model"
    if from_paid == to_paid:
        return None
    if to_paid:
        return None if cascade.escalate_to_paid else "from a free to a paid model only with escalate_to_paid"
    if reason not in QUOTA:
        return "a free model stands in for a paid one, and does no work of it again"
    if not cascade.fall_back_to_local:
        return "from a paid to a free model only with fall_back_to_local"
    return None


def reason_of(error: LLMError | BudgetExceeded) -> str:
    """The outcome that a cascade goes by; any way to be without a server is one."""
    return BackendDown.code if isinstance(error, BackendDown) else error.code
