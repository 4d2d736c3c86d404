"""Translates a JSON Schema to the part of it that a server can enforce; the full schema judges later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from app.llm.dialects.dialect import DIALECTS, Dialect, Target, UnsupportedSchema
from app.llm.dialects.limits import check_limits
from app.llm.dialects.merge import kinds, merge, same
from app.llm.dialects.references import check_depth, check_references, resolve
from app.llm.dialects.rules import number_rules, size_rules, string_rules
from app.llm.types import JSON

MAX_NODES = 5_000
"""Largest schema after its references are flattened; references of references grow fast."""

SILENT = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"}
    | {"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary"}
    | {"contentMediaType", "contentEncoding", "contentSchema"}
)
"""They say nothing about which answers are right."""
_OBJECT = frozenset({"properties", "required", "additionalProperties"})
_LIST = frozenset({"items", "prefixItems"})
_SCALARS = ("string", "number", "boolean", "null")


@dataclass(frozen=True)
class Translated:
    schema: dict[str, JSON]
    weakened: tuple[str, ...]
    """One line per thing that the server will not check, or can not give back: `path: what`."""


def to_dialect(schema: Mapping[str, JSON], target: Target) -> Translated:
    """The schema in the target's dialect, without `$ref`. Raises `UnsupportedSchema`."""
    check_references(schema)
    walk = _Walk(schema, DIALECTS[target])
    translated = walk.top(schema)
    check_limits(translated, walk.dialect)
    return Translated(translated, tuple(dict.fromkeys(walk.lost)))


@dataclass
class _Walk:
    root: Mapping[str, JSON]
    dialect: Dialect
    lost: list[str] = field(default_factory=list)
    nodes: int = 0

    def top(self, schema: Mapping[str, JSON]) -> dict[str, JSON]:
        flat = self._flatten(schema, "$", 0)
        if self.dialect.object_on_top and "anyOf" in flat:
            self._lose("$", "anyOf at the top is not checked by the server")
            del flat["anyOf"]
        found = self.node(flat, "$", 0)
        if self.dialect.object_on_top and found.get("type") != "object":
            raise UnsupportedSchema(
                f"the top of the schema is no object; {self.dialect.label} takes no other"
            )
        return found

    def node(self, schema: JSON, path: str, depth: int) -> dict[str, JSON]:
        """One schema and all below it."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UnsupportedSchema(f"the schema has more than {MAX_NODES:,} parts once it is flattened")
        check_depth(depth, path)
        flat = self._flatten(schema, path, depth)
        note = {key: flat[key] for key in ("description",) if isinstance(flat.get(key), str)}
        return note | self._body(flat, path, depth)

    def _body(self, flat: dict[str, JSON], path: str, depth: int) -> dict[str, JSON]:
        if "anyOf" in flat:
            beside = {key: value for key, value in flat.items() if key != "anyOf" and key not in SILENT}
            parts = [{"allOf": [beside, part]} if beside else part for part in flat["anyOf"]]
            return self._union(parts, path, depth)
        if "enum" in flat or "const" in flat:
            return self._values(flat, path, depth)
        wanted = kinds(flat["type"]) if "type" in flat else [self._implied(flat, path)]
        if len(wanted) > 1:
            own = {key: value for key, value in flat.items() if key not in SILENT}
            return self._union([{**own, "type": kind} for kind in wanted], path, depth)
        match wanted[0]:
            case "object":
                return self._object(flat, path, depth)
            case "array":
                return self._list(flat, path, depth)
            case "string":
                return self._plain(flat, path, string_rules(flat, self.dialect, partial(self._lose, path)))
            case "integer" | "number":
                return self._plain(flat, path, number_rules(flat, self.dialect, partial(self._lose, path)))
            case None:
                return self._plain(flat, path, {}) or self._anything(path)
        return self._plain(flat, path, {})

    def _flatten(self, schema: JSON, path: str, depth: int) -> dict[str, JSON]:
        """One schema without `$ref`, `allOf` and `oneOf`."""
        check_depth(depth, path)
        if schema is False:
            self._lose(path, "no value is right here, which the server does not check")
        flat = dict(schema) if isinstance(schema, Mapping) else {}
        lose = partial(self._lose, path)
        if "oneOf" in flat:
            lose("oneOf is asked for as anyOf")
            flat = merge({"anyOf": flat.pop("oneOf")}, flat, SILENT, lose)
        parts = [resolve(self.root, flat.pop("$ref"), path)] if "$ref" in flat else []
        for part in (*flat.pop("allOf", ()), *parts):
            flat = merge(self._flatten(part, path, depth + 1), flat, SILENT, lose)
        return flat

    def _union(self, parts: Sequence[JSON], path: str, depth: int) -> dict[str, JSON]:
        found: list[dict[str, JSON]] = []
        for number, part in enumerate(parts):
            one = self.node(part, f"{path}|{number}", depth + 1)
            nested = one["anyOf"] if one.keys() <= {"anyOf", "description"} and "anyOf" in one else [one]
            found += [each for each in nested if not any(same(each, other) for other in found)]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _values(self, flat: dict[str, JSON], path: str, depth: int) -> dict[str, JSON]:
        """`enum` and `const`, one group per type of value."""
        values = flat["enum"] if "enum" in flat else [flat["const"]]
        if "const" in flat:
            values = [value for value in values if same(value, flat["const"])]
        allowed = kinds(flat["type"]) if "type" in flat else None
        groups: dict[str, list[JSON]] = {}
        for value in values:
            kind = _kind(value, allowed)
            if kind is not None:
                groups.setdefault(kind, []).append(value)
        if not groups or groups.keys() & {"object", "array"}:
            self._lose(path, "a choice of lists, of objects or of nothing is not checked by the server")
            return self._body({k: v for k, v in flat.items() if k not in ("enum", "const")}, path, depth)
        self._report(flat, path, frozenset({"enum", "const", "type"}))
        key = "const" if "const" in flat else "enum"
        found = [{"type": kind, key: group[0] if key == "const" else group} for kind, group in groups.items()]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _object(self, flat: Mapping[str, JSON], path: str, depth: int) -> dict[str, JSON]:
        self._report(flat, path, _OBJECT | {"type"})
        extra = flat.get("additionalProperties", True)
        properties = dict(flat.get("properties") or {})
        required = list(flat.get("required") or ())
        # a required name that has no schema of its own takes that of further keys
        properties |= {name: extra for name in required if name not in properties}
        if not properties and extra is not False:
            return self._map(extra, path, depth)
        found: dict[str, JSON] = {
            "type": "object",
            "properties": {
                name: self.node(part, f"{path}.{name}", depth + 1) for name, part in properties.items()
            },
            "required": [name for name in properties if name in required],
            "additionalProperties": False,
        }
        if extra is not False:
            found["additionalProperties"] = self._further(extra, path, depth)
        if self.dialect.all_required:
            for name in properties.keys() - set(required):
                self._lose(f"{path}.{name}", "must always be given")
            found["required"] = list(properties)
        return found

    def _further(self, extra: JSON, path: str, depth: int) -> JSON:
        """What further keys beside known ones may hold; a model that may add any key goes astray."""
        found = self.node(extra, f"{path}.*", depth + 1) if self.dialect.open_values else {}
        if found:
            return found
        self._lose(path, "no further key can come back")
        return False

    def _map(self, extra: JSON, path: str, depth: int) -> dict[str, JSON]:
        if not self.dialect.open_values:
            self._lose(path, "a map can only come back empty; a list of pairs would keep its entries")
            return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        values = {} if extra in (True, {}) else self.node(extra, f"{path}.*", depth + 1)
        return {"type": "object"} | ({"additionalProperties": values} if values else {})

    def _list(self, flat: Mapping[str, JSON], path: str, depth: int) -> dict[str, JSON]:
        self._report(flat, path, _LIST | {"type", "minItems", "maxItems"})
        items = self._items(flat, path)
        found: dict[str, JSON] = {"type": "array"}
        if items is not True or not self.dialect.open_values:
            found["items"] = self.node(items, f"{path}[]", depth + 1)
        return found | size_rules(flat, self.dialect, partial(self._lose, path))

    def _items(self, flat: Mapping[str, JSON], path: str) -> JSON:
        """One schema for every item, those of a tuple and those after them."""
        rest = flat.get("items", True)
        first = list(flat.get("prefixItems") or ())
        if not first:
            return rest
        self._lose(path, "the order and number of a tuple's items are not checked by the server")
        closed = rest is False or flat.get("maxItems", len(first) + 1) <= len(first)
        return {"anyOf": [*first, *([] if closed else [rest])]}

    def _plain(self, flat: Mapping[str, JSON], path: str, rules: dict[str, JSON]) -> dict[str, JSON]:
        self._report(flat, path, frozenset({"type"}) | _RULES)
        return ({"type": kinds(flat["type"])[0]} if "type" in flat else {}) | rules

    def _implied(self, flat: Mapping[str, JSON], path: str) -> str | None:
        """The type that a schema without one is about."""
        kind = "object" if flat.keys() & _OBJECT else "array" if flat.keys() & _LIST else None
        if kind is not None:
            self._lose(path, f"only an {kind} can come back")
        return kind

    def _anything(self, path: str) -> dict[str, JSON]:
        if self.dialect.open_values:
            return {}
        self._lose(path, "any value is asked for as text, a number, true, false or null")
        return {"anyOf": [{"type": kind} for kind in _SCALARS]}

    def _report(self, flat: Mapping[str, JSON], path: str, known: frozenset[str]) -> None:
        for key in sorted(flat.keys() - known - SILENT):
            self._lose(path, f"{key} is not checked by the server")

    def _lose(self, path: str, what: str) -> None:
        self.lost.append(f"{path}: {what}")


_RULES = frozenset(
    {"pattern", "format", "minLength", "maxLength", "multipleOf"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
"""Reported by `rules`, which knows what becomes of each."""


def _kind(value: JSON, allowed: Sequence[str] | None) -> str | None:
    """The type of a value; None: it is none of those allowed."""
    found = next(name for kind, name in _KINDS if isinstance(value, kind))
    if found == "number" and float(value).is_integer() and "integer" in (allowed or ()):
        found = "integer"
    if allowed is None or found in allowed:
        return found
    return "number" if found == "integer" and "number" in allowed else None


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (type(None), "null"),
    (list, "array"),
    (Mapping, "object"),
)
