"""Two schemas that both apply (`allOf`, what stands beside a `$ref` or an `anyOf`) as one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from app.llm.types import JSON

MAX_CHOICES = 64
"""Alternatives that two `anyOf` may have together."""

_HIGHER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"})
_LOWER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"})

Lose = Callable[[str], None]
"""Reports what gets lost."""


def merge(
    inner: Mapping[str, JSON], outer: Mapping[str, JSON], silent: frozenset[str], lose: Lose
) -> dict[str, JSON]:
    """One schema for both; the outer one wins where they can not be joined, which is reported."""
    found = {**inner, **outer}
    for key in inner.keys() & outer.keys() - silent:
        if not same(inner[key], outer[key]):
            found[key] = _join(key, inner[key], outer[key], lose)
    if _refuses(inner, outer) or _refuses(outer, inner):
        lose("keys that one part refuses and another names are taken")
    if ("prefixItems" in inner) != ("prefixItems" in outer) and "items" in inner.keys() | outer.keys():
        lose("the items of a tuple are not checked against both parts")
    return found


def same(one: JSON, other: JSON) -> bool:
    """Equality as JSON has it: true is not 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def kinds(found: JSON) -> list[str]:
    """The names in a `type`, which may be one or several."""
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _join(key: str, one: JSON, other: JSON, lose: Lose) -> JSON:
    match key:
        case "properties":
            both = {name: {"allOf": [one[name], other[name]]} for name in one if name in other}
            return {**one, **other, **both}
        case "required":
            return list(dict.fromkeys([*one, *other]))
        case "items":
            return {"allOf": [one, other]}
        case "additionalProperties":
            return False if one is False or other is False else {"allOf": [one, other]}
        case "type" if shared := _shared_kinds(kinds(one), kinds(other)):
            return shared
        case "enum" if shared := [value for value in other if any(same(value, each) for each in one)]:
            return shared
        case "anyOf" if len(one) * len(other) <= MAX_CHOICES:
            return [{"allOf": [left, right]} for left in one for right in other]
        case _ if key in _HIGHER:
            return max(one, other)
        case _ if key in _LOWER:
            return min(one, other)
    lose(f"only one of two {key} is asked for")
    return other


def _shared_kinds(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The types that both take; an integer is a number too."""
    wide = [[*names, *(["integer"] if "number" in names else [])] for names in (one, other)]
    shared = [kind for kind in dict.fromkeys(wide[1]) if kind in wide[0]]
    return [kind for kind in shared if kind != "integer" or "number" not in shared]


def _refuses(one: Mapping[str, JSON], other: Mapping[str, JSON]) -> bool:
    """Whether the first is closed to a key that only the second names."""
    if one.get("additionalProperties", True) in (True, {}):
        return False
    return bool((other.get("properties") or {}).keys() - (one.get("properties") or {}).keys())
