"""The manifest of a document with files: everything but their text, and where the text goes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.dialects.references import check_references, resolve
from app.llm.types import JSON

PATH = "path"
CONTENT = "content"
"""A list of objects with both, as texts, is a list of files."""
EDIT = (PATH, "search", "replace")
"""A list of objects with these, as texts, is the list of edits."""


def file_lists(schema: Mapping[str, JSON]) -> list[str]:
    """The properties that are lists of files. Raises `UnsupportedSchema` when there is none."""
    check_references(schema)
    top = _resolved(schema, schema)
    found = [name for name, part in _properties(top) if _item(part, schema, (PATH, CONTENT))]
    if not found:
        raise UnsupportedSchema(
            f"the schema has no list of objects with {PATH!r} and {CONTENT!r}, so its code can not stand in "
            "blocks; use the channel json"
        )
    return found


def edit_list(schema: Mapping[str, JSON]) -> str | None:
    """The property that is the list of edits; None: files are given whole."""
    top = _resolved(schema, schema)
    return next((name for name, part in _properties(top) if _item(part, schema, EDIT)), None)


def manifest_schema(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """The same schema, its files without their text, and without the edits."""
    lists = file_lists(schema)
    found: dict[str, Any] = deepcopy(dict(_resolved(schema, schema)))
    for name in lists:
        item: dict[str, Any] = deepcopy(_item(found["properties"][name], schema, (PATH, CONTENT)) or {})
        del item["properties"][CONTENT]
        item["required"] = [one for one in item.get("required", ()) if one != CONTENT]
        found["properties"][name] = {**found["properties"][name], "items": item}
    if (edits := edit_list(schema)) is not None:
        del found["properties"][edits]
        found["required"] = [one for one in found.get("required", ()) if one != edits]
    return _without_unused(found)


def entries(document: Mapping[str, JSON], lists: list[str]) -> Iterator[tuple[str, JSON]]:
    """Place and entry of every file, `files.0` first; what is no list is left for the schema to refuse."""
    for name in lists:
        listed = document.get(name)
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            yield f"{name}.{number}", entry


def _properties(top: Mapping[str, JSON]) -> Iterable[tuple[str, JSON]]:
    return (top.get("properties") or {}).items()


def _item(part: JSON, root: Mapping[str, JSON], names: Sequence[str]) -> dict[str, JSON] | None:
    """The schema of one entry, when the part is a list of objects that have these as texts."""
    items = _resolved(_resolved(part, root).get("items"), root)
    inner = items.get("properties") or {}
    texts = [_resolved(inner.get(name), root).get("type") == "string" for name in names]
    return items if all(texts) else None


def _resolved(part: JSON, root: Mapping[str, JSON]) -> dict[str, JSON]:
    found = dict(part) if isinstance(part, Mapping) else {}
    while "$ref" in found:
        target = resolve(root, found.pop("$ref"), "$")
        found = {**(target if isinstance(target, Mapping) else {}), **found}
    return found


def _without_unused(schema: dict[str, JSON]) -> dict[str, JSON]:
    """Without the definitions that nothing refers to any more."""
    while definitions := schema.get("$defs"):
        text = json.dumps(schema)
        used = {name: part for name, part in definitions.items() if f'"#/$defs/{name}"' in text}
        schema = {key: value for key, value in schema.items() if key != "$defs"}
        if len(used) == len(definitions):
            return schema | {"$defs": used}
        schema |= {"$defs": used} if used else {}
    return schema
