"""Translates a JSON Schema to the part of it that a server can enforce; the full schema judges later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.llm.errors import RequestRefused
from app.llm.types import JSON

Target = Literal["anthropic", "ollama", "openai"]

MAX_NODES = 5_000
"""Largest schema after its references are flattened; references of references grow fast."""

_STRICT: frozenset[Target] = frozenset({"anthropic", "openai"})
"""They want every property required and no other property allowed."""
_KEPT = frozenset({"type", "enum", "const", "description"})
_SILENT = frozenset(
    {"title", "$schema", "$id", "$comment", "$defs", "definitions", "examples", "deprecated", "discriminator"}
)
"""They say nothing about which answers are right."""
_WALKED = frozenset(
    {
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
    }
)


@dataclass(frozen=True)
class Translated:
    schema: dict[str, JSON]
    weakened: tuple[str, ...]
    """One line per thing that the server will not check: `path: what`."""


class UnsupportedSchema(RequestRefused):
    """No server can be asked for this schema: recursion, a reference to nowhere, or too large."""

    code = "unsupported_schema"


def to_dialect(schema: Mapping[str, JSON], target: Target) -> Translated:
    """The schema in the target's dialect. Raises `UnsupportedSchema`."""
    walk = _Walk(root=schema, target=target)
    translated = walk.node(schema, "$", ())
    return Translated(translated, tuple(dict.fromkeys(walk.lost)))


@dataclass
class _Walk:
    root: Mapping[str, JSON]
    target: Target
    lost: list[str] = field(default_factory=list)
    nodes: int = 0

    def node(self, schema: JSON, path: str, open_refs: tuple[str, ...]) -> dict[str, JSON]:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UnsupportedSchema(f"the schema has more than {MAX_NODES:,} parts once it is flattened")
        flat, open_refs = self._flatten(schema, path, open_refs)
        found = {key: value for key, value in flat.items() if key in _KEPT}
        self._report_dropped(flat, path)
        if alternatives := flat.get("anyOf") or flat.get("oneOf"):
            if "oneOf" in flat:
                self._lose(path, "oneOf is asked for as anyOf")
            found["anyOf"] = [self.node(one, f"{path}|{n}", open_refs) for n, one in enumerate(alternatives)]
        if "properties" in flat or flat.get("type") == "object":
            found |= self._object(flat, path, open_refs)
        if "items" in flat or "prefixItems" in flat:
            found |= self._list(flat, path, open_refs)
        return found if found.keys() - {"description"} else found | self._anything(path)

    def _flatten(
        self, schema: JSON, path: str, open_refs: tuple[str, ...]
    ) -> tuple[dict[str, JSON], tuple[str, ...]]:
        """One schema without `$ref` and `allOf`, and the references that are open inside it."""
        flat = dict(schema) if isinstance(schema, Mapping) else {}
        while (ref := flat.pop("$ref", None)) is not None:
            if ref in open_refs:
                raise UnsupportedSchema(
                    f"the schema refers to itself at {path} ({ref}); no server takes that"
                )
            open_refs = (*open_refs, ref)
            flat = {**self._resolve(ref, path), **flat}
        for part in flat.pop("allOf", ()):
            inner, open_refs = self._flatten(part, path, open_refs)
            flat = _merge(inner, flat)
        return flat, open_refs

    def _resolve(self, ref: str, path: str) -> Mapping[str, JSON]:
        found: JSON = self.root
        for step in ref.removeprefix("#").strip("/").split("/") if ref != "#" else ():
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if not ref.startswith("#") or not isinstance(found, Mapping):
            raise UnsupportedSchema(f"the schema refers to {ref} at {path}, which is not in it")
        return found

    def _object(self, flat: Mapping[str, JSON], path: str, open_refs: tuple[str, ...]) -> dict[str, JSON]:
        properties = flat.get("properties") or {}
        extra = flat.get("additionalProperties", True)
        if not properties and extra is not False:
            return self._map(path)
        if isinstance(extra, Mapping):
            self._lose(path, "additionalProperties is dropped: no further key can come back")
        found: dict[str, JSON] = {
            "type": flat.get("type", "object"),
            "properties": {
                name: self.node(inner, f"{path}.{name}", open_refs) for name, inner in properties.items()
            },
        }
        if self.target in _STRICT:
            return found | {"required": list(properties), "additionalProperties": False}
        return found | {"required": list(flat.get("required", ())), "additionalProperties": False}

    def _map(self, path: str) -> dict[str, JSON]:
        if self.target == "anthropic":
            self._lose(path, "a map can only come back empty; a list of pairs would keep its entries")
            return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        self._lose(path, "keys and values of a map are not checked by the server")
        return {"type": "object"}

    def _list(self, flat: Mapping[str, JSON], path: str, open_refs: tuple[str, ...]) -> dict[str, JSON]:
        found: dict[str, JSON] = {"type": flat.get("type", "array")}
        if first := flat.get("prefixItems"):
            self._lose(path, "the order and number of a tuple's items are not checked by the server")
            found["items"] = {
                "anyOf": [self.node(one, f"{path}[{n}]", open_refs) for n, one in enumerate(first)]
            }
        elif isinstance(flat["items"], Mapping):
            found["items"] = self.node(flat["items"], f"{path}[]", open_refs)
        return found

    def _anything(self, path: str) -> dict[str, JSON]:
        if self.target != "anthropic":
            self._lose(path, "any value is taken by the server")
            return {}
        self._lose(path, "any value is asked for as text, a number, true, false or null")
        return {"anyOf": [{"type": kind} for kind in ("string", "number", "boolean", "null")]}

    def _report_dropped(self, flat: Mapping[str, JSON], path: str) -> None:
        for key in sorted(flat.keys() - _KEPT - _SILENT - _WALKED):
            self._lose(path, f"{key} is not checked by the server")

    def _lose(self, path: str, what: str) -> None:
        self.lost.append(f"{path}: {what}")


def _merge(part: Mapping[str, JSON], flat: Mapping[str, JSON]) -> dict[str, JSON]:
    """Two schemas of one `allOf`: their properties together, the outer one winning elsewhere."""
    merged = {**part, **flat}
    for key, join in (("properties", dict), ("required", list)):
        if key in part and key in flat:
            merged[key] = {**part[key], **flat[key]} if join is dict else [*part[key], *flat[key]]
    return merged
