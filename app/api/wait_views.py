"""How what a run waits for looks from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from app.tables import Decision, Wait, WaitReason

LONG = ("diff",)
"""Details that are left out where many waits stand together."""


class WaitView(BaseModel):
    """One thing that a run asked for, and what was decided."""

    pipeline_id: UUID
    reason: WaitReason
    subject: str
    """Name of the approval's phase, of the permission or of the event."""
    phase: str
    """The phase that asked; empty for an event that came before anybody waited for it."""
    round: int
    decision: Decision
    asked_at: datetime
    deadline: datetime | None
    """When `default` is decided by itself; null: it waits for ever."""
    default: Decision | None
    content_sha256: str | None
    """What an approval is for; `approve` sends it back."""
    details: dict[str, Any]
    """What the person who decides has to see. The text of a diff stands in `/pipelines/{id}/waits` alone."""
    decided_at: datetime | None
    decided_by: str | None
    """Name of the token, `local` without authentication, `deadline`, or `cancelled` when the run was."""
    comment: str | None
    data: dict[str, Any] | None
    """What came with the event."""


def wait_view(row: Wait, *, whole: bool = False) -> WaitView:
    """`whole`: with the texts that may be long."""
    details = dict(row.details)
    return WaitView(
        pipeline_id=row.pipeline_id,
        reason=WaitReason(row.reason),
        subject=row.subject,
        phase=row.phase,
        round=row.round,
        decision=Decision(row.decision),
        asked_at=row.asked_at,
        deadline=row.deadline,
        default=Decision(row.default_decision) if row.default_decision else None,
        content_sha256=row.content_sha256,
        details=details if whole else {name: value for name, value in details.items() if name not in LONG},
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        comment=row.comment,
        data=row.data,
    )
