"""What a retried run takes over from the finished one: the artifacts of the phases it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.artifacts.registry import artifact_name
from app.digests import digest
from app.errors import Invalid, SchemaMismatch
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.tables import Artifact

FINDINGS = frozenset({"tests", "approval", "commit", "deliver"})
"""Kinds of phases whose word is only theirs."""


@dataclass(frozen=True)
class Again:
    """How a finished run is to be retried."""

    from_phase: str | None = None
    """The first phase that runs again; None: where the run ended."""
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    """Name → body of artifacts that take the place of what the earlier phases made."""
    by: str = "somebody"


def first_phase(snapshot: Snapshot, position: int, name: str | None) -> int:
    """Index of the phase to begin with; `position` is where the finished run ended. Raises `Invalid`."""
    if name is None:
        return position if position < len(snapshot.phases) else 0
    names = [phase.name for phase in snapshot.phases]
    if name not in names:
        raise Invalid(f"the run has no phase {name!r}; it has: {', '.join(names)}", place="from_phase")
    return names.index(name)


def check_left_out(snapshot: Snapshot, start: int, position: int, again: Again) -> None:
    """A phase is left out if the finished run passed it, or its artifact is given. Raises `Invalid`.

    Else a retry would be the way around failing tests and refused approvals: what they said is neither
    to be given, nor about anything that was edited since.
    """
    given = {artifact_name(name) for name in again.artifacts}
    edited: PhaseSpec | None = None
    for index, phase in enumerate(snapshot.phases[:start]):
        if phase.artifact in given:
            if phase.kind in FINDINGS:
                raise Invalid(f"what {phase.name} found can not be given: let it run", place=phase.artifact)
            edited = phase
        elif edited is not None or index >= position:
            why = f"has not seen the edited {edited.artifact!r}" if edited else "was not passed by the run"
            raise Invalid(f"{phase.name} can not be left out, it {why}: begin there", place="from_phase")


async def take_over(
    session: AsyncSession, old: UUID, new: UUID, snapshot: Snapshot, start: int, again: Again
) -> None:
    """Give the new run an artifact for every phase before its first. Raises `Invalid`."""
    given = {artifact_name(name): body for name, body in again.artifacts.items()}
    earlier = {phase.artifact: phase for phase in snapshot.phases[:start] if phase.artifact}
    for name in given:
        if name not in earlier:
            known = ", ".join(sorted(earlier)) or "none"
            raise Invalid(f"no phase before the first one makes {name!r}; they make: {known}", place=name)
    kept = {row.name: row for row in await artifacts.every(session, old) if row.current}
    for name, phase in earlier.items():
        session.add(
            _edited(new, phase, given[name], again.by) if name in given else _copied(new, phase, kept)
        )


def _edited(run: UUID, phase: PhaseSpec, body: Any, by: str) -> Artifact:
    """Judged by the pinned schema, like an answer."""
    if phase.output is None or phase.artifact is None:
        raise Invalid(f"phase {phase.name} makes no artifact", place=phase.name)
    try:
        valid = phase.output.contract().validate(body)
    except SchemaMismatch as mismatch:
        raise Invalid(
            f"the artifact {phase.artifact!r} is not valid: {mismatch}", place=phase.artifact
        ) from None
    return Artifact(
        pipeline_id=run,
        name=phase.artifact,
        version=1,
        schema=phase.output.name,
        schema_digest=phase.output.digest,
        content_digest=digest(valid),
        body=valid,
        edited_by=by,
    )


def _copied(run: UUID, phase: PhaseSpec, kept: Mapping[str, Artifact]) -> Artifact:
    if phase.artifact is None or phase.artifact not in kept:
        raise Invalid(
            f"the run never made the artifact {phase.artifact!r} of phase {phase.name}: "
            "begin there, or give it",
            place="from_phase",
        )
    row = kept[phase.artifact]
    return Artifact(
        pipeline_id=run,
        name=row.name,
        version=1,
        schema=row.schema,
        schema_digest=row.schema_digest,
        content_digest=row.content_digest,
        body=row.body,
        copied_from=row.id,
    )
