"""What a call's mode makes of its schema."""

from __future__ import annotations

from app.llm.dialect import Target, Translated, to_dialect
from app.llm.types import Call


def translated(call: Call, target: Target) -> Translated:
    """The schema in the target's dialect; nothing in mode `prompt`. Raises `UnsupportedSchema`."""
    return Translated({}, ()) if call.mode == "prompt" else to_dialect(call.schema, target)
