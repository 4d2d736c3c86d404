"""What holds for every schema and every target: nothing refused is sent, nothing is lost in silence."""

from __future__ import annotations

import re
from typing import Any, get_args

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from app.artifacts.rows import row_schema
from app.errors import SchemaMismatch
from app.llm.dialects.dialect import DIALECTS, Target, UnsupportedSchema
from app.llm.dialects.translate import Translated, to_dialect
from tests.unit.llm.dialects.schemas import SCHEMAS, near

TARGETS: tuple[Target, ...] = get_args(Target)
EVERYWHERE = frozenset({"type", "properties", "required", "additionalProperties", "items", "anyOf"}) | {
    "enum",
    "const",
    "description",
    "pattern",
    "format",
}
BESIDES: dict[str, frozenset[str]] = {
    "anthropic": frozenset({"minItems"}),
    "llamacpp": frozenset(["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"]),
    "openai": frozenset(
        ["minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
    ),
}
BESIDES |= {
    "anthropic_tool": BESIDES["anthropic"],
    "ollama": BESIDES["llamacpp"],
    "openai_tool": BESIDES["openai"],
}
NARROWER = re.compile(
    "must always be given|no further key|only come back empty|any value is asked for|only an|only one of two"
)
"""Lines that say which right documents can not come back."""
WIDER = re.compile("not checked|asked for as anyOf|only one of two|are taken|no value is right")
"""Lines that say which checks are gone."""

many = settings(
    max_examples=75,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def translated(schema: dict[str, Any], target: Target) -> Translated:
    try:
        return to_dialect(schema, target)
    except UnsupportedSchema:  # no other error may come
        reject()


def refusals(schema: Any, target: Target, path: str = "$") -> list[str]:
    """What the target would refuse, written down without a look at the translator."""
    closed = target not in ("llamacpp", "ollama")
    found = [f"{path}: {key}" for key in schema.keys() - EVERYWHERE - BESIDES[target]]
    if closed and not schema.keys() & {"type", "anyOf"}:
        found.append(f"{path}: neither type nor anyOf")
    if "type" in schema and ("anyOf" in schema or not isinstance(schema["type"], str)):
        found.append(f"{path}: several types")
    if "additionalProperties" in schema and schema["additionalProperties"] is not False and closed:
        found.append(f"{path}: a map")
    if closed and schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        found.append(f"{path}: open")
    if target.startswith("openai") and set(schema.get("required", ())) != set(schema.get("properties", ())):
        found.append(f"{path}: optional")
    if set(schema.get("required", ())) - set(schema.get("properties", ())):
        found.append(f"{path}: required and unknown")
    if target.startswith("anthropic") and schema.get("minItems", 0) > 1:
        found.append(f"{path}: minItems")
    if any(isinstance(value, (list, dict)) for value in schema.get("enum", ())):
        found.append(f"{path}: a choice of lists")
    inner = [
        *schema.get("properties", {}).items(),
        *((f"|{n}", one) for n, one in enumerate(schema.get("anyOf", ()))),
    ]
    inner += [
        (key, schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)
    ]
    return found + [line for name, part in inner for line in refusals(part, target, f"{path}.{name}")]


@many
@given(target=st.sampled_from(TARGETS), schema=SCHEMAS)
def test_no_translation_holds_what_its_target_refuses(target: Target, schema: dict[str, Any]) -> None:
    found = translated(schema, target).schema
    assert refusals(found, target) == []
    if DIALECTS[target].object_on_top:
        assert found["type"] == "object"


@settings(many, max_examples=150)
@given(schema=SCHEMAS, data=st.data())
def test_what_a_translation_takes_or_refuses_otherwise_is_in_the_report_and_the_full_schema_judges(
    schema: dict[str, Any], data: st.DataObject
) -> None:
    judge = row_schema("one", schema)
    documents = data.draw(st.lists(near(schema, schema), min_size=8, max_size=8))
    for target in TARGETS:
        sent = translated(schema, target)
        server = jsonschema_rs.validator_for(sent.schema, offline=True)
        for document in (*documents, data.draw(near(sent.schema, sent.schema))):
            right, taken = judge.validator.is_valid(document), server.is_valid(document)
            if right and not taken:
                assert any(NARROWER.search(line) for line in sent.weakened), sent
            if taken and not right:
                assert any(WIDER.search(line) for line in sent.weakened), sent
                with pytest.raises(SchemaMismatch):
                    judge.validate(document)


@many
@given(target=st.sampled_from(TARGETS), schema=SCHEMAS)
def test_a_translation_is_the_same_each_time_and_translates_to_itself(
    target: Target, schema: dict[str, Any]
) -> None:
    once = translated(schema, target)
    assert to_dialect(schema, target) == once
    assert to_dialect(once.schema, target).schema == once.schema
