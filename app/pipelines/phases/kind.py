"""What a phase kind is: code that runs one phase of one run and says how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from app.digests import digest
from app.pipelines.project import ProjectSpec
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.tables import Decision, Outcome, Priority, WaitReason

JSON = Any
"""A plain JSON value."""


@dataclass(frozen=True)
class Ask:
    """Something a phase can not do without, and somebody has to decide."""

    reason: WaitReason
    subject: str
    """Name of the approval's phase, of the permission or of the event; `<phase>:control_files`."""
    round: int = 0
    details: Mapping[str, JSON] = field(default_factory=dict)
    """What the person who decides has to see."""
    content_sha256: str | None = None
    """What exactly is to be approved."""
    wait_s: float | None = None
    """After so many seconds `default` is decided; None: it waits for ever."""
    default: Decision = Decision.REFUSED


class Waiting(Exception):
    """Raised by a phase that has to wait. It runs again, as another try, once that is decided."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(f"waits for {ask.reason}: {ask.subject}")
        self.ask = ask


class NeedsAccess(Waiting):
    """The phase lacks a tool or a permission; the request is listed and the run waits."""

    def __init__(self, permission: str, why: str) -> None:
        what = digest({"reason": WaitReason.ACCESS, "subject": permission})
        super().__init__(Ask(WaitReason.ACCESS, permission, details={"why": why}, content_sha256=what))


@dataclass(frozen=True)
class Decided:
    """What was decided about something the run asked for."""

    reason: WaitReason
    subject: str
    round: int
    granted: bool
    by: str
    comment: str | None
    data: JSON | None
    """What came with the event."""
    content_sha256: str | None


@dataclass(frozen=True)
class Item:
    """One part of a `map`."""

    key: str
    """Known by it in the ledger, in events and in recordings."""
    body: JSON


@dataclass(frozen=True)
class PhaseContext:
    """All that a phase may know."""

    pipeline_id: UUID
    phase_run_id: int
    fence: int
    epic_description: str
    snapshot: Snapshot
    spec: PhaseSpec
    round: int
    project: ProjectSpec | None
    base_commit: str | None
    artifacts: Mapping[str, JSON]
    """Name → body of the current version."""
    issues: tuple[Mapping[str, str], ...]
    """`source` and `text` of what the last rejection found."""
    progress: Callable[[str, JSON], Awaitable[None]]
    """Writes an event of the run: kind and data."""
    priority: Priority = Priority.INTERACTIVE
    group: str | None = None
    """The batch the run belongs to."""
    is_first_try: bool = False
    """The phase was not begun before, so nobody was asked anything for it."""
    is_retry: bool = False
    """A person had the run made anew: what was answered before is not what is wanted."""
    decisions: tuple[Decided, ...] = ()
    """What was decided about what the run asked for so far."""
    reworks: int = 0
    """How often its work was sent back. A phase that a later round reaches for the first time has none."""
    item: Item | None = None
    """The part that is asked for; None: the phase as a whole."""

    def decided(self, reason: WaitReason, subject: str, round_: int = 0) -> Decided | None:
        """None: nobody has decided that yet."""
        wanted = (reason, subject, round_)
        return next((one for one in self.decisions if (one.reason, one.subject, one.round) == wanted), None)


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended. `artifact` is kept whatever the outcome."""

    outcome: Outcome
    artifact: JSON | None = None
    issues: tuple[Mapping[str, str], ...] = ()
    detail: Mapping[str, JSON] = field(default_factory=dict)
    asks: Ask | None = None
    """What it waits for, when the outcome is `waiting`."""


@dataclass(frozen=True)
class Draft:
    """A phase configuration before it is saved."""

    name: str
    kind: str
    role: str | None
    artifact: str | None
    schema: str | None
    on_reject: str | None
    apply: str | None
    route: str | None
    destination: str | None = None
    inputs: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    permits: tuple[str, ...] = ()
    settings: Mapping[str, JSON] = field(default_factory=dict)


class PhaseKind(Protocol):
    """Runs phases of one kind. Raises `WorkbenchError` for a failure that ends the run."""

    async def run(self, context: PhaseContext) -> PhaseResult: ...

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        """Faults of a configuration, each as (field, what is wrong)."""
