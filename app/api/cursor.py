"""The opaque cursor of a list: where its page ended."""

from __future__ import annotations

import base64
from datetime import datetime
from uuid import UUID

from app.errors import Invalid
from app.pipelines.store import Cursor
from app.tables import Batch, Pipeline


def after(row: Pipeline | Batch) -> str:
    text = f"{row.created_at.isoformat()} {row.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str | None) -> Cursor | None:
    """Raises `Invalid` for anything that no page gave out."""
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        at, _, pipeline_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        found = Cursor(datetime.fromisoformat(at), UUID(pipeline_id))
    except ValueError:
        raise Invalid("this cursor was not given out by a page of this list", place="cursor") from None
    if found.created_at.tzinfo is None:
        raise Invalid("this cursor was not given out by a page of this list", place="cursor")
    return found
