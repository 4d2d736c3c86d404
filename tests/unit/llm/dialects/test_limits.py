"""Over a limit a schema is refused for that target alone, with the count and the limit."""

from __future__ import annotations

from typing import Any

import pytest

from app.llm.dialects.dialect import Target, UnsupportedSchema
from app.llm.dialects.references import MAX_DEPTH
from app.llm.dialects.translate import to_dialect

ANY_SIZE: tuple[Target, ...] = ("llamacpp", "ollama")
MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def obj(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def nested(levels: int) -> dict[str, Any]:
    return {"type": "string"} if levels == 0 else obj({"a": nested(levels - 1)})


@pytest.mark.parametrize(
    ("target", "fits", "over", "words"),
    [
        (
            "anthropic",
            obj({f"p{n}": {"type": "string"} for n in range(24)}, []),
            obj({f"p{n}": {"type": "string"} for n in range(25)}, []),
            "25 optional parameters; Claude takes at most 24",
        ),
        (
            "anthropic_tool",
            obj({f"p{n}": MAYBE for n in range(16)}),
            obj({f"p{n}": MAYBE for n in range(17)}),
            "17 parameters of several types; a strict tool of Claude takes at most 16",
        ),
        (
            "anthropic",
            obj({"a": {"type": "array", "items": obj({f"p{n}": MAYBE for n in range(16)})}}),
            obj({"a": {"type": "array", "items": obj({f"p{n}": MAYBE for n in range(16)})}, "b": MAYBE}),
            "17 parameters of several types",
        ),
        ("openai", nested(10), nested(11), "11 levels; OpenAI takes at most 10"),
        (
            "openai",
            obj({"a": {"enum": [f"v{n}" for n in range(1_000)]}}),
            obj({"a": {"enum": [f"v{n}" for n in range(1_001)]}}),
            "1,001 values in enums",
        ),
        (
            "openai_tool",
            obj({"a" * 60_000: {"const": "b" * 60_000}}),
            obj({"a" * 60_000: {"const": "b" * 60_001}}),
            "120,001 characters in names and enums",
        ),
    ],
)  # fmt: skip
def test_a_schema_fits_up_to_the_limit_and_is_refused_above_it(
    target: Target, fits: dict[str, Any], over: dict[str, Any], words: str
) -> None:
    to_dialect(fits, target)
    with pytest.raises(UnsupportedSchema, match=words):
        to_dialect(over, target)
    for other in ANY_SIZE:
        to_dialect(over, other)


def test_the_count_and_the_limit_are_in_the_details() -> None:
    with pytest.raises(UnsupportedSchema) as caught:
        to_dialect(obj({f"p{n}": {"type": "string"} for n in range(30)}, []), "anthropic")
    assert caught.value.details == {"count": 30, "limit": 24}


def test_nesting_without_end_is_refused_and_not_a_crash() -> None:
    chain = {f"D{n}": {"$ref": f"#/$defs/D{n + 1}"} for n in range(2_000)} | {"D2000": {"type": "string"}}
    for schema in (nested(MAX_DEPTH + 1), {"$ref": "#/$defs/D0", "$defs": chain}):
        for target in ANY_SIZE:
            with pytest.raises(UnsupportedSchema, match=f"deeper than {MAX_DEPTH} levels"):
                to_dialect(schema, target)
