"""What a schema keeps and loses on its way to each server."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from app.llm.dialects.dialect import Target, UnsupportedSchema
from app.llm.dialects.translate import MAX_NODES, to_dialect

TARGETS: tuple[Target, ...] = ("anthropic", "ollama", "openai")


class Item(BaseModel):
    title: str = Field(description="What it is called.", max_length=40)
    severity: Literal["low", "high"] = "low"


class Report(BaseModel):
    items: list[Item]
    best: Item | None = None


def obj(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize("target", TARGETS)
def test_references_are_flattened_and_titles_go_but_a_property_named_title_stays(target: Target) -> None:
    found = to_dialect(Report.model_json_schema(), target).schema
    item = found["properties"]["items"]["items"]
    assert item["properties"]["title"] == {"type": "string", "description": "What it is called."}
    assert item["properties"]["severity"] == {"type": "string", "enum": ["low", "high"]}
    assert found["properties"]["best"]["anyOf"] == [item, {"type": "null"}]
    assert "$defs" not in found
    assert "title" not in found


def test_strict_servers_want_every_property_and_no_other() -> None:
    for target in ("anthropic", "openai"):
        found = to_dialect(Report.model_json_schema(), target).schema  # type: ignore[arg-type]
        assert (found["required"], found["additionalProperties"]) == (["items", "best"], False)
    assert to_dialect(Report.model_json_schema(), "ollama").schema["required"] == ["items"]


def test_what_a_server_does_not_check_is_reported_with_its_place() -> None:
    lost = to_dialect(Report.model_json_schema(), "ollama").weakened
    assert "$.items[].title: maxLength is not checked by the server" in lost
    assert "$.best: default is not checked by the server" in lost


def test_const_enum_and_description_are_kept() -> None:
    schema = obj(kind={"const": "a", "description": "Always a."}, size={"enum": [1, 2]})
    translated = to_dialect(schema, "anthropic")
    assert (translated.schema, translated.weakened) == (schema, ())


def test_a_map_is_reported_and_stays_open_where_the_server_lets_it() -> None:
    schema = obj(prices={"type": "object", "additionalProperties": {"type": "number"}})
    for target in ("ollama", "openai"):
        translated = to_dialect(schema, target)  # type: ignore[arg-type]
        assert translated.schema["properties"]["prices"] == {"type": "object"}
        assert "$.prices" in translated.weakened[0]
    assert "can only come back empty" in to_dialect(schema, "anthropic").weakened[0]


def test_further_keys_beside_known_properties_are_reported() -> None:
    schema = obj(a={"type": "string"}) | {"additionalProperties": {"type": "string"}}
    assert to_dialect(schema, "ollama").weakened == (
        "$: additionalProperties is dropped: no further key can come back",
    )


def test_an_object_that_is_meant_to_be_empty_is_no_map() -> None:
    assert to_dialect(obj(), "anthropic").weakened == ()


def test_a_value_of_any_kind_is_narrowed_only_where_it_must_be() -> None:
    schema = obj(value={"description": "Anything."})
    assert to_dialect(schema, "openai").schema["properties"]["value"] == {"description": "Anything."}
    narrowed = to_dialect(schema, "anthropic").schema["properties"]["value"]
    assert [one["type"] for one in narrowed["anyOf"]] == ["string", "number", "boolean", "null"]
    assert narrowed["description"] == "Anything."


def test_one_of_becomes_any_of_and_a_tuple_a_list() -> None:
    schema = obj(
        either={"oneOf": [{"type": "string"}, {"type": "integer"}]},
        pair={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
    )
    translated = to_dialect(schema, "openai")
    kinds = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert translated.schema["properties"]["either"] == kinds
    assert translated.schema["properties"]["pair"] == {"type": "array", "items": kinds}
    assert len(translated.weakened) == 3


def test_all_of_is_merged_with_its_references() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/Named"}, obj(b={"type": "integer"})],
        "properties": {"c": {"type": "boolean"}},
        "$defs": {"Named": obj(a={"type": "string"})},
    }
    found = to_dialect(schema, "anthropic").schema
    assert sorted(found["properties"]) == ["a", "b", "c"]


def test_what_stands_beside_a_reference_wins() -> None:
    schema = obj(a={"$ref": "#/$defs/T", "description": "Ours."}) | {
        "$defs": {"T": {"type": "string", "description": "Theirs."}}
    }
    assert to_dialect(schema, "openai").schema["properties"]["a"] == {
        "type": "string",
        "description": "Ours.",
    }


@pytest.mark.parametrize(
    "ref", ["#/$defs/Nothing", "https://example.org/schema.json", "#/$defs/Nothing/deep"]
)
def test_a_reference_to_nowhere_is_refused_with_its_place(ref: str) -> None:
    with pytest.raises(UnsupportedSchema, match=r"\$\.a"):
        to_dialect(obj(a={"$ref": ref}), "openai")


@pytest.mark.parametrize("target", TARGETS)
def test_recursion_is_refused_with_its_place(target: Target) -> None:
    tree = {"$ref": "#/$defs/T", "$defs": {"T": obj(child={"$ref": "#/$defs/T"})}}
    with pytest.raises(UnsupportedSchema, match=r"refers to itself at \$\.child"):
        to_dialect(tree, target)


def test_references_that_double_at_each_level_are_refused() -> None:
    definitions = {
        f"D{n}": obj(a={"$ref": f"#/$defs/D{n + 1}"}, b={"$ref": f"#/$defs/D{n + 1}"}) for n in range(30)
    }
    schema = {"$ref": "#/$defs/D0", "$defs": definitions | {"D30": {"type": "string"}}}
    with pytest.raises(UnsupportedSchema, match=f"{MAX_NODES:,}"):
        to_dialect(schema, "openai")
