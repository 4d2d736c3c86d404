"""Who is asked next: the steps of a route, and what the run's policy and this machine let through."""

from __future__ import annotations

from dataclasses import dataclass

from app.llm.errors import BackendDown
from app.llm.request import QUOTA, Cascade, CascadeStep, Request
from app.llm.types import Profile


@dataclass(frozen=True)
class Turn:
    """One profile of the route, and why it is its turn."""

    number: int
    """0: the route's own profile."""
    profile: Profile
    reason: str | None = None


def first(request: Request, vram_gb: float | None) -> Turn:
    """The route's own profile, or a later one for each gate that the work failed before."""
    turn = Turn(0, request.profile)
    for _ in range(request.cascade.gates_failed):
        turn = after(request.cascade, turn, "gate_failed", vram_gb) or turn
    return turn


def after(cascade: Cascade, turn: Turn, reason: str, vram_gb: float | None) -> Turn | None:
    """The next step that is for this outcome and that may be taken; None: there is none."""
    for number, step in enumerate(cascade.steps[turn.number :], turn.number + 1):
        if reason in step.on and obstacle(cascade, turn.profile, step, reason, vram_gb) is None:
            return Turn(number, step.profile, reason)
    return None


def obstacle(
    cascade: Cascade, before: Profile, step: CascadeStep, reason: str, vram_gb: float | None
) -> str | None:
    """Why this step may not be taken; None: it may."""
    profile = step.profile
    if vram_gb is not None and profile.vram_gb is not None and profile.vram_gb > vram_gb:
        return f"it takes {profile.vram_gb:g} GB of the graphics card, which has {vram_gb:g}"
    if before.is_paid == profile.is_paid:
        return None
    if profile.is_paid:
        return None if cascade.escalate_to_paid else "the run may not go on to a paid model"
    if cascade.critical:
        return "a critical decision is never left to a lesser model"
    if reason not in QUOTA:
        return f"a free model does not do better after {reason}"
    return None if cascade.fall_back_to_local else "the run may not fall back to a local model"


def reason_of(error: Exception) -> str:
    """The outcome that a cascade goes by; any way to be without a server is one."""
    if isinstance(error, BackendDown):
        return BackendDown.code
    return str(getattr(error, "code", ""))
