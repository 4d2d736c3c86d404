"""The one tool of mode `tool`: the model answers by calling it with the document as its input."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.llm.errors import SchemaRefused
from app.llm.types import JSON, Call


def name_of(call: Call) -> str:
    """Servers take at most 64 letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call.schema_name)[:64] or "answer"


def words_for(call: Call) -> str:
    """Tells the model to call the tool: current models can not be forced to."""
    return f"Answer by calling the tool `{name_of(call)}` once, with the whole answer as its input."


def description(call: Call) -> str:
    return f"Takes the answer, a {call.schema_name or 'document'}."


def check_input(schema: Mapping[str, JSON]) -> None:
    """Raises `SchemaRefused` for a schema that no tool can have: its input is an object."""
    if schema.get("type") != "object":
        raise SchemaRefused("a tool takes an object, and the schema asks for something else")
