"""What a schema keeps and loses on its way to each server."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field

from app.llm.dialects.dialect import Target, UnsupportedSchema
from app.llm.dialects.translate import MAX_NODES, to_dialect

TARGETS: tuple[Target, ...] = get_args(Target)


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(description="What it is called.", max_length=40)
    severity: Literal["low", "high"] = "low"


class Report(BaseModel):
    model_config = ConfigDict(extra="forbid")

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
    assert (
        item["properties"]["title"].items() >= {"type": "string", "description": "What it is called."}.items()
    )
    assert item["properties"]["severity"] == {"type": "string", "enum": ["low", "high"]}
    assert found["properties"]["best"]["anyOf"] == [item, {"type": "null"}]
    assert "$defs" not in found
    assert "title" not in found


def test_only_openai_wants_every_property_and_the_report_says_so() -> None:
    for target in TARGETS:
        translated = to_dialect(Report.model_json_schema(), target)
        strict = target.startswith("openai")
        assert translated.schema["required"] == (["items", "best"] if strict else ["items"])
        assert translated.schema["additionalProperties"] is False
        assert ("$.best: must always be given" in translated.weakened) is strict


def test_what_a_server_does_not_check_is_reported_with_its_place() -> None:
    lost = to_dialect(Report.model_json_schema(), "anthropic").weakened
    assert lost == (
        "$.items[].title: maxLength is not checked by the server",
        "$.best|0.title: maxLength is not checked by the server",
    )
    assert to_dialect(Report.model_json_schema(), "ollama").weakened == ()


RULES = obj(
    date={"type": "string", "format": "date", "maxLength": 10},
    mail={"type": "string", "format": "email"},
    code={"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$", "minLength": 4},
    any={"type": "string", "pattern": "^.*$"},
    word={"type": "string", "minLength": 1, "maxLength": 40},
    story={"type": "string", "maxLength": 100_000},
    score={"type": "integer", "exclusiveMinimum": 0, "maximum": 10},
    share={"type": "number", "minimum": 0, "multipleOf": 0.5},
    tags={"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 5, "uniqueItems": True},
    some={"type": "array", "items": {"type": "string"}, "minItems": 1},
)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (
            "anthropic",
            {
                "date": {"format": "date"},
                "mail": {"format": "email"},
                "code": {"pattern": "^[A-Z]{2}-[0-9]+$"},
                "some": {"minItems": 1},
            },
        ),
        (
            "llamacpp",
            {
                "date": {"format": "date"},
                "code": {"pattern": "^[A-Z]{2}-[0-9]+$"},
                "word": {"minLength": 1, "maxLength": 40},
                "score": {"minimum": 1, "maximum": 10},
                "tags": {"minItems": 2, "maxItems": 5},
                "some": {"minItems": 1},
            },
        ),
        (
            "openai",
            {
                "date": {"format": "date"},
                "mail": {"format": "email"},
                "code": {"pattern": "^[A-Z]{2}-[0-9]+$"},
                "score": {"exclusiveMinimum": 0, "maximum": 10},
                "share": {"minimum": 0, "multipleOf": 0.5},
                "tags": {"minItems": 2, "maxItems": 5},
                "some": {"minItems": 1},
            },
        ),
    ],
)
def test_a_rule_is_sent_to_those_who_enforce_it_and_reported_elsewhere(
    target: Target, kept: dict[str, dict[str, Any]]
) -> None:
    translated = to_dialect(RULES, target)
    names = RULES["properties"].keys()
    found = {name: translated.schema["properties"][name].copy() for name in names}
    for part in found.values():
        part.pop("type"), part.pop("items", None)
    assert {name: part for name, part in found.items() if part} == kept
    for name in names:
        gone = RULES["properties"][name].keys() - {"type", "items"} - kept.get(name, {}).keys()
        if name == "score" and target == "llamacpp":
            gone = set()  # more than 0 is at least 1
        assert {line for line in translated.weakened if line.startswith(f"$.{name}:")} == {
            f"$.{name}: {key} is not checked by the server" for key in gone
        }


def test_bounds_that_nothing_fits_are_not_sent() -> None:
    schema = obj(
        a={"type": "string", "minLength": 5, "maxLength": 3},
        b={"type": "integer", "minimum": 5, "exclusiveMaximum": 5},
    )
    translated = to_dialect(schema, "llamacpp")
    assert translated.schema["properties"] == {"a": {"type": "string"}, "b": {"type": "integer"}}
    assert len(translated.weakened) == 4


@pytest.mark.parametrize("target", TARGETS)
def test_const_enum_and_description_are_kept_and_get_their_type(target: Target) -> None:
    schema = obj(kind={"const": "a", "description": "Always a."}, size={"enum": [1, 2]})
    translated = to_dialect(schema, target)
    assert translated.schema["properties"] == {
        "kind": {"type": "string", "const": "a", "description": "Always a."},
        "size": {"type": "integer", "enum": [1, 2]},
    }
    assert translated.weakened == ()


def test_a_choice_of_several_types_is_one_choice_per_type() -> None:
    schema = obj(
        a={"enum": ["x", None, True, 1, 2.5]}, b={"type": ["string", "null"], "enum": ["x", None, 1]}
    )
    found = to_dialect(schema, "anthropic").schema["properties"]
    assert [one["type"] for one in found["a"]["anyOf"]] == ["string", "null", "boolean", "integer", "number"]
    assert found["b"] == {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null", "enum": [None]}]}


def test_what_stands_beside_any_of_applies_to_every_alternative() -> None:
    schema = obj(a={"type": "string"}, b={"type": "integer"}) | {
        "required": [],
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    first, second = to_dialect(schema, "anthropic").schema["anyOf"]
    assert first["properties"] == second["properties"]
    assert (first["required"], second["required"]) == (["a"], ["b"])
    top = to_dialect(schema, "anthropic_tool")
    assert (top.schema["type"], "anyOf" in top.schema) == ("object", False)
    assert top.weakened == ("$: anyOf at the top is not checked by the server",)


def test_a_required_key_without_a_schema_of_its_own_can_come_back() -> None:
    found = to_dialect({"type": "object", "required": ["a"], "properties": {}}, "llamacpp").schema
    assert (found["properties"], found["required"]) == ({"a": {}}, ["a"])


@pytest.mark.parametrize("target", ["anthropic_tool", "openai", "openai_tool"])
def test_a_top_that_is_no_object_is_refused_where_it_must_be_one(target: Target) -> None:
    with pytest.raises(UnsupportedSchema, match="top of the schema is no object"):
        to_dialect({"type": "array", "items": {"type": "string"}}, target)


def test_a_map_stays_one_where_the_server_enforces_it_and_is_reported_elsewhere() -> None:
    schema = obj(prices={"type": "object", "additionalProperties": {"type": "number"}})
    for target in ("ollama", "llamacpp"):
        translated = to_dialect(schema, target)  # type: ignore[arg-type]
        assert (translated.schema, translated.weakened) == (schema, ())
    for target in ("anthropic", "openai"):
        translated = to_dialect(schema, target)  # type: ignore[arg-type]
        assert translated.schema["properties"]["prices"] == obj()
        assert "$.prices: a map can only come back empty" in translated.weakened[0]


def test_further_keys_beside_known_properties_are_kept_or_reported() -> None:
    schema = obj(a={"type": "string"}) | {"additionalProperties": {"type": "string"}}
    assert to_dialect(schema, "ollama").schema == schema
    assert to_dialect(schema, "anthropic").weakened == ("$: no further key can come back",)
    unchecked = schema | {"additionalProperties": {"minLength": 2}}
    assert to_dialect(unchecked, "ollama").schema["additionalProperties"] is False


def test_an_object_that_is_meant_to_be_empty_is_no_map() -> None:
    assert to_dialect(obj(), "anthropic").weakened == ()


def test_a_value_of_any_kind_is_narrowed_only_where_it_must_be() -> None:
    schema = obj(value={"description": "Anything."})
    assert to_dialect(schema, "llamacpp").schema["properties"]["value"] == {"description": "Anything."}
    for target in ("anthropic", "openai"):
        narrowed = to_dialect(schema, target).schema["properties"]["value"]  # type: ignore[arg-type]
        assert [one["type"] for one in narrowed["anyOf"]] == ["string", "number", "boolean", "null"]
        assert narrowed["description"] == "Anything."


def test_one_of_becomes_any_of_and_a_tuple_a_list() -> None:
    schema = obj(
        either={"oneOf": [{"type": "string"}, {"type": "integer"}]},
        pair={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "maxItems": 2},
    )
    translated = to_dialect(schema, "openai")
    kinds = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert translated.schema["properties"]["either"] == kinds
    assert translated.schema["properties"]["pair"] == {"type": "array", "items": kinds, "maxItems": 2}
    assert translated.weakened == (
        "$.either: oneOf is asked for as anyOf",
        "$.pair: the order and number of a tuple's items are not checked by the server",
    )


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
