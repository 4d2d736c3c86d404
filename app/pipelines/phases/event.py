"""Phases of kind `event`: the run goes on once somebody outside says so."""

from __future__ import annotations

from app.errors import Conflict
from app.pipelines.phases.kind import Ask, Draft, PhaseContext, PhaseResult, Waiting
from app.tables import Decision, Outcome, WaitReason
from app.workspace import declared
from app.workspace.declared import NoSettings


class EventMissed(Conflict):
    """The event did not come in time."""

    code = "event_missed"


class EventPhase:
    """Waits for the event that has the phase's name; what comes with it is the artifact."""

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `Waiting` until the event is there, `EventMissed` after the deadline."""
        spec = context.spec
        decided = context.decided(WaitReason.EVENT, spec.name)
        if decided is None:
            default = Decision.GRANTED if spec.limits.on_deadline == "grant" else Decision.REFUSED
            raise Waiting(Ask(WaitReason.EVENT, spec.name, wait_s=spec.limits.wait_s, default=default))
        if not decided.granted:
            raise EventMissed(f"the event {spec.name!r} did not come within {spec.limits.wait_s:g} s")
        artifact = decided.data if spec.artifact else None
        return PhaseResult(Outcome.PASSED, artifact=artifact, detail={"by": decided.by})

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        faults = declared.faults(NoSettings, draft.settings) + [
            (field, "a phase of kind event has none")
            for field in ("role", "route", "apply", "on_reject")
            if getattr(draft, field) is not None
        ]
        if (draft.artifact is None) != (draft.schema is None):
            faults.append(("schema", "an artifact needs a schema, and a schema an artifact"))
        return faults
