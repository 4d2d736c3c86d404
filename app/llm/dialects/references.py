"""Follows `$ref` inside one schema; a schema that refers to itself is found before anything is translated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.types import JSON

MAX_DEPTH = 64
"""Levels of a schema with its references followed; no answer that nests deeper is read either."""


def resolve(root: Mapping[str, JSON], ref: str, path: str) -> JSON:
    """What a reference names. Raises `UnsupportedSchema` when it is not in the schema."""
    found: JSON = root
    for step in ref.removeprefix("#").strip("/").split("/") if ref != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    if not ref.startswith("#") or not isinstance(found, (Mapping, bool)):
        raise UnsupportedSchema(f"the schema refers to {ref} at {path}, which is not in it")
    return found


def check_references(root: Mapping[str, JSON]) -> None:
    """Raises `UnsupportedSchema` for recursion, a reference to nowhere and absurd depth, with the place."""
    _visit(root, "$", root, (), set())


def check_depth(depth: int, path: str) -> None:
    if depth > MAX_DEPTH:
        raise UnsupportedSchema(f"the schema nests deeper than {MAX_DEPTH} levels at {path[:200]}")


def _visit(
    schema: JSON, path: str, root: Mapping[str, JSON], opened: tuple[str, ...], done: set[str], depth: int = 0
) -> None:
    check_depth(depth, path)
    if not isinstance(schema, Mapping):
        return
    if (ref := schema.get("$ref")) is not None:
        if ref in opened:
            raise UnsupportedSchema(f"the schema refers to itself at {path} ({ref}); no server takes that")
        if ref not in done:
            _visit(resolve(root, ref, path), path, root, (*opened, ref), done, depth + 1)
            done.add(ref)
    for place, part in _parts(schema, path):
        _visit(part, place, root, opened, done, depth + 1)


def _parts(schema: Mapping[str, JSON], path: str) -> Iterator[tuple[str, JSON]]:
    for name, part in (schema.get("properties") or {}).items():
        yield f"{path}.{name}", part
    for key, place in (("items", f"{path}[]"), ("additionalProperties", f"{path}.*")):
        if key in schema:
            yield place, schema[key]
    for key, place in (("prefixItems", "[{}]"), ("anyOf", "|{}"), ("oneOf", "|{}"), ("allOf", "&{}")):
        for number, part in enumerate(schema.get(key) or ()):
            yield path + place.format(number), part
