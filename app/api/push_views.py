"""Where the commit of a run was sent, as the API shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from app.tables import Push, PushState


class PushView(BaseModel):
    url: str
    """Without credentials."""
    branch: str
    commit: str
    state: PushState
    error: str | None
    """Why the last attempt failed."""
    attempts: int
    updated_at: datetime


def push_view(row: Push) -> PushView:
    return PushView(
        url=row.url,
        branch=row.branch,
        commit=row.commit,
        state=PushState(row.state),
        error=row.error,
        attempts=row.attempts,
        updated_at=row.updated_at,
    )
