"""What a call's mode makes of its schema."""

from __future__ import annotations

from app.llm.dialects.dialect import Target
from app.llm.dialects.translate import Translated, to_dialect
from app.llm.types import Call


def translated(call: Call, *, grammar: Target, tool: Target) -> Translated:
    """The schema in the dialect of the mode; nothing in mode `prompt`. Raises `UnsupportedSchema`."""
    match call.mode:
        case "grammar":
            return to_dialect(call.schema, grammar)
        case "tool":
            return to_dialect(call.schema, tool)
        case "prompt":
            return Translated({}, ())
