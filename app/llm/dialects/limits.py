"""Counts what a server counts in a translated schema."""

from __future__ import annotations

from collections.abc import Mapping

from app.llm.dialects.dialect import Dialect, Limit, UnsupportedSchema
from app.llm.types import JSON


def check_limits(schema: Mapping[str, JSON], dialect: Dialect) -> None:
    """Raises `UnsupportedSchema` with the count and the limit."""
    counts: dict[Limit, int] = {}
    _count(schema, counts, 0)
    for limit, most in dialect.limits.items():
        if counts.get(limit, 0) > most:
            raise UnsupportedSchema(
                f"the schema has {counts[limit]:,} {limit}; {dialect.label} takes at most {most:,}",
                count=counts[limit],
                limit=most,
            )


def _count(schema: Mapping[str, JSON], counts: dict[Limit, int], level: int) -> None:
    def add(limit: Limit, number: int) -> None:
        counts[limit] = counts.get(limit, 0) + number

    properties = schema.get("properties") or {}
    level += schema.get("type") in ("object", "array")
    counts["levels"] = max(counts.get("levels", 0), level)
    add("properties", len(properties))
    add("optional parameters", len(properties.keys() - set(schema.get("required", ()))))
    add("parameters of several types", int("anyOf" in schema))
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    add("values in enums", len(schema.get("enum", ())))
    add("characters in names and enums", sum(len(str(text)) for text in (*properties, *values)))
    inner = [*properties.values(), *schema.get("anyOf", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if key in schema]
    for part in inner:
        if isinstance(part, Mapping):
            _count(part, counts, level)
