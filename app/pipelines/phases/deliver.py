"""Phases of kind `deliver`: an artifact of the run is sent to a destination."""

from __future__ import annotations

from app.artifacts.registry import artifact_name
from app.errors import Invalid
from app.pipelines.deliveries.sender import Parcel, Sender, Sent
from app.pipelines.leases import Lease
from app.pipelines.phases.kind import JSON, Draft, PhaseContext, PhaseResult
from app.tables import Outcome
from app.workspace import declared
from app.workspace.declared import NoSettings


class DeliverPhase:
    """Sends its one input as it is, and keeps a record of that as its artifact."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `DeliveryFailed` when the receiver does not take it."""
        parcel = _parcel(context)
        await context.progress(
            "delivery", {"phase": parcel.phase, "destination": parcel.destination, "key": parcel.key}
        )
        sent = await self._sender.deliver(parcel)
        return PhaseResult(
            Outcome.PASSED, artifact=_record(parcel, sent), detail={"delivery": sent.state.value}
        )

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        faults = declared.faults(NoSettings, draft.settings) + [
            (field, "a phase of kind deliver needs one")
            for field in ("destination", "artifact", "schema")
            if getattr(draft, field) is None
        ]
        if len(draft.inputs) != 1:
            faults.append(("inputs", "a phase of kind deliver sends exactly one artifact"))
        if draft.schema not in (None, "DeliveryRecord"):
            faults.append(("schema", "what a phase of kind deliver makes is a DeliveryRecord"))
        return faults


def _parcel(context: PhaseContext) -> Parcel:
    name = artifact_name(context.spec.inputs[0])
    if name not in context.artifacts or context.spec.destination is None:
        raise Invalid(f"there is no artifact {name!r} to send", place=context.spec.name)
    return Parcel(
        lease=Lease(context.pipeline_id, context.fence),
        phase=context.spec.name,
        round=context.round,
        destination=context.spec.destination,
        artifact=name,
        payload=context.artifacts[name],
    )


def _record(parcel: Parcel, sent: Sent) -> JSON:
    return {
        "state": sent.state.value,
        "destination": parcel.destination,
        "adapter": sent.adapter,
        "target": sent.target,
        "idempotency_key": sent.key,
        "artifact": parcel.artifact,
        "payload": parcel.payload,
        "response_status": sent.answer.status if sent.answer else None,
        "response_excerpt": sent.answer.text if sent.answer else None,
    }
