"""Hypothesis strategies: JSON Schemas, and documents that fit them or nearly do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from app.llm.dialects.references import resolve

NAMES = st.sampled_from(["a", "b", "name", "type", "a b", "é"])
WORDS = st.text("abcx-1é😀", max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from([0.5, 2.0, 7.25]) | WORDS
PATTERNS = ["^[a-c]{1,3}$", "^(a|b)x*$", "a", "^.+$", "^[^a]$", "^a|b$", r"^\d+$"]
FORMATS = ["date", "uuid", "email", "regex", "nonsense"]
DEFINITIONS = ["Named", "Pair"]


def _sizes(low: str, high: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={low: st.integers(0, most), high: st.integers(0, most)})


def _joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda each: {key: value for part in each for key, value in part.items()})


TEXTS = _joined(
    st.just({"type": "string"}),
    _sizes("minLength", "maxLength", 5),
    st.fixed_dictionaries(
        {}, optional={"pattern": st.sampled_from(PATTERNS), "format": st.sampled_from(FORMATS)}
    ),
)
NUMBERS = _joined(
    st.sampled_from([{"type": "integer"}, {"type": "number"}, {"type": ["integer", "null"]}]),
    _sizes("minimum", "maximum", 9),
    st.fixed_dictionaries({}, optional={"exclusiveMinimum": st.just(2), "multipleOf": st.just(2)}),
)
FIXED = st.lists(SCALARS | st.just([1]), min_size=1, max_size=3).map(
    lambda values: {"enum": values}
) | SCALARS.map(lambda value: {"const": value})
LEAVES = st.one_of(
    TEXTS,
    NUMBERS,
    FIXED,
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {}, True, {"minLength": 2}, {"not": {"type": "null"}}]
    ),
    st.sampled_from(DEFINITIONS).map(lambda name: {"$ref": f"#/$defs/{name}"}),
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, inner, max_size=3)},
        optional={
            "type": st.just("object"),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.sampled_from([False, True, {}]) | inner,
            "description": st.just("Words."),
            "default": st.just({}),
            "minProperties": st.just(1),
        },
    )


def _lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    tuples = st.fixed_dictionaries(
        {"prefixItems": st.lists(inner, min_size=1, max_size=2)}, optional={"items": inner | st.just(False)}
    )
    plain = st.fixed_dictionaries({}, optional={"items": inner, "uniqueItems": st.just(True)})
    return _joined(st.just({"type": "array"}), plain | tuples, _sizes("minItems", "maxItems", 3))


def _choices(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    words = st.sampled_from(["anyOf", "anyOf", "oneOf", "allOf"])
    return _joined(
        st.tuples(words, several).map(lambda pair: {pair[0]: pair[1]}),
        st.just({}) | _objects(inner) | st.just({"type": ["object", "null"]}),
    )


PARTS = st.recursive(LEAVES, lambda inner: _objects(inner) | _lists(inner) | _choices(inner), max_leaves=8)
SCHEMAS = st.tuples(_objects(LEAVES) | _objects(PARTS) | _choices(PARTS), _objects(LEAVES), PARTS).map(
    lambda each: each[0] | {"type": "object", "$defs": {"Named": _closed(each[1]), "Pair": _closed(each[2])}}
)
"""Schemas as rows have them: an object on top, definitions beside it, no recursion."""


def _closed(schema: Any) -> Any:
    """The same without references: a definition that refers to another might refer to itself."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _closed(value) for key, value in schema.items() if key != "$ref"}


@st.composite
def near(draw: st.DrawFn, schema: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """A document that fits the schema often, and misses it closely otherwise."""
    if not isinstance(schema, dict) or depth > 6 or draw(st.integers(0, 11)) == 0:
        return draw(SCALARS)
    if "$ref" in schema:
        return draw(near(resolve(root, schema["$ref"], "$"), root, depth + 1))
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and not (schema.get("properties") and draw(st.booleans())):
            found = draw(near(draw(st.sampled_from(schema[key])), root, depth + 1))
            rest = {name: value for name, value in schema.items() if name != key}
            beside = draw(near(rest, root, depth + 1)) if "properties" in rest else {}
            return beside | found if isinstance(found, dict) and isinstance(beside, dict) else found
    if "enum" in schema or "const" in schema:
        return draw(
            st.sampled_from([*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())])
        )
    kind = schema.get("type", "object" if "properties" in schema else None)
    kind = draw(st.sampled_from(kind)) if isinstance(kind, list) else kind
    if kind == "object":
        return draw(_object_near(schema, root, depth))
    if kind == "array":
        parts = [*schema.get("prefixItems", ()), *([schema["items"]] if schema.get("items") else ())]
        count = draw(st.integers(0, 3))
        return [
            draw(near(parts[min(n, len(parts) - 1)] if parts else True, root, depth + 1))
            for n in range(count)
        ]
    plain = {"string": WORDS, "integer": st.integers(-3, 12), "boolean": st.booleans(), "null": st.none()}
    return draw(plain.get(str(kind), SCALARS))


@st.composite
def _object_near(
    draw: st.DrawFn, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    wanted = [name for name in properties if name in required or draw(st.booleans())]
    found = {name: draw(near(properties[name], root, depth + 1)) for name in wanted}
    extra = schema.get("additionalProperties", True)
    more = [name for name in required if name not in properties]
    more += draw(st.lists(NAMES, max_size=1)) if extra is not False else []
    return found | {name: draw(near(extra, root, depth + 1)) for name in more if name not in properties}
