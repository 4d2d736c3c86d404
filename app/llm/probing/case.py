"""One question of a probe, and how its answer is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.errors import SchemaMismatch
from app.llm.errors import InvalidAnswer
from app.llm.parser import LLMResponseParser
from app.llm.types import JSON, Schema


@dataclass(frozen=True)
class Case:
    name: str
    system: str
    """Says what the answer must look like; the schema is in it, for the modes without a grammar."""
    task: str
    schema: Schema
    expected: Mapping[str, tuple[JSON, ...]]
    """Field → the values that are right; a field that is not here may say anything."""


@dataclass(frozen=True)
class Verdict:
    """Each implies the ones before it."""

    valid: bool = False
    """One JSON object."""
    enums: bool = False
    """Every value of a closed set is a member of it."""
    compliant: bool = False
    """The whole schema holds."""
    correct: bool = False
    """And what it says is right."""


def judge(case: Case, text: str) -> Verdict:
    """A complete answer, judged by the same parser and schema check as any other."""
    try:
        data = LLMResponseParser().parse(text).data
    except InvalidAnswer:
        return Verdict()
    if not all(_in_set(given, members) for given, members in _closed(case.schema.json_schema(), data)):
        return Verdict(valid=True)
    try:
        case.schema.validate(data)
    except SchemaMismatch:
        return Verdict(valid=True, enums=True)
    correct = all(_in_set(data.get(field), right) for field, right in case.expected.items())
    return Verdict(valid=True, enums=True, compliant=True, correct=correct)


def _closed(schema: Mapping[str, JSON], data: JSON) -> Iterator[tuple[JSON, list[JSON]]]:
    """Each value that a closed set binds, with the members of the set; a missing one is None."""
    if "enum" in schema:
        yield data, schema["enum"]
    for name, inner in schema.get("properties", {}).items():
        given = data.get(name) if isinstance(data, dict) else None
        if given is not None or name in schema.get("required", ()):
            yield from _closed(inner, given)
    if isinstance(schema.get("items"), dict) and isinstance(data, list):
        for item in data:
            yield from _closed(schema["items"], item)


def _in_set(given: JSON, members: list[JSON] | tuple[JSON, ...]) -> bool:
    """Without `True == 1`."""
    return any(type(given) is type(one) and given == one for one in members) or any(
        _number(given) and _number(one) and given == one for one in members
    )


def _number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
