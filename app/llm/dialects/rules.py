"""Which rules for texts, numbers and sizes of lists a server enforces; the others are reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.llm.dialects.dialect import Dialect
from app.llm.dialects.merge import Lose
from app.llm.dialects.pattern import is_plain
from app.llm.types import JSON

MAX_INTEGER = 10**15
"""Largest bound of an integer that is sent; a double holds it exactly."""

_NUMBERS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")


def string_rules(flat: Mapping[str, JSON], dialect: Dialect, lose: Lose) -> dict[str, JSON]:
    """`pattern`, `format` and lengths, as far as the dialect enforces them."""
    found: list[dict[str, JSON]] = []
    if is_plain(str(flat.get("pattern", ""))):
        found.append({"pattern": flat["pattern"]})
    if flat.get("format") in dialect.formats:
        found.append({"format": flat["format"]})
    found.append(_range(flat, ("minLength", "maxLength"), (dialect.longest, dialect.longest)))
    kept = [rules for rules in found if rules]
    rules = {
        key: value for rule in kept[: 1 if dialect.one_string_rule else None] for key, value in rule.items()
    }
    _report(flat, ("pattern", "format", "minLength", "maxLength"), rules, lose)
    return rules


def size_rules(flat: Mapping[str, JSON], dialect: Dialect, lose: Lose) -> dict[str, JSON]:
    """`minItems` and `maxItems`, as far as the dialect enforces them."""
    rules = _range(flat, ("minItems", "maxItems"), (dialect.least_items, dialect.most_items))
    _report(flat, ("minItems", "maxItems"), rules, lose)
    return rules


def number_rules(flat: Mapping[str, JSON], dialect: Dialect, lose: Lose) -> dict[str, JSON]:
    """Bounds and `multipleOf`, as far as the dialect enforces them."""
    given = {key: flat[key] for key in _NUMBERS if key in flat}
    if not dialect.multiples and given.pop("multipleOf", None) is not None:
        lose("multipleOf is not checked by the server")
    if not given or dialect.bounds == "numbers":
        return given
    if dialect.bounds == "integers" and flat.get("type") in ("integer", ["integer"]):
        rules = _integer_range(given)
        if rules is not None:
            return rules
    for key in given:
        lose(f"{key} is not checked by the server")
    return {}


def _integer_range(given: Mapping[str, JSON]) -> dict[str, JSON] | None:
    """The bounds as `minimum` and `maximum`; None: not integers, or no number fits."""
    if not all(type(value) is int and abs(value) < MAX_INTEGER for value in given.values()):
        return None
    low = [given[key] + step for key, step in (("minimum", 0), ("exclusiveMinimum", 1)) if key in given]
    high = [given[key] - step for key, step in (("maximum", 0), ("exclusiveMaximum", 1)) if key in given]
    if low and high and max(low) > min(high):
        return None
    return ({"minimum": max(low)} if low else {}) | ({"maximum": min(high)} if high else {})


def _range(flat: Mapping[str, JSON], keys: tuple[str, str], largest: tuple[int, int]) -> dict[str, JSON]:
    """The two bounds that are small enough; none of them when no size fits both."""
    low, high = (flat.get(key) for key in keys)
    if low is not None and high is not None and low > high:
        return {}
    pairs = zip(keys, (low, high), largest, strict=True)
    return {key: value for key, value, most in pairs if type(value) is int and most and value <= most}


def _report(flat: Mapping[str, JSON], keys: Iterable[str], kept: Mapping[str, JSON], lose: Lose) -> None:
    for key in keys:
        if key in flat and key not in kept and not (key.startswith("min") and flat[key] == 0):
            lose(f"{key} is not checked by the server")
