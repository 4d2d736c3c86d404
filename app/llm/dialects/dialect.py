"""What each server enforces of a JSON Schema: one value per target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from app.llm.errors import SchemaRefused

Target = Literal["anthropic", "anthropic_tool", "llamacpp", "ollama", "openai", "openai_tool"]
Limit = Literal[
    "optional parameters",
    "parameters of several types",
    "properties",
    "levels",
    "values in enums",
    "characters in names and enums",
]


class UnsupportedSchema(SchemaRefused):
    """The target can not be asked for this schema: recursion, a reference to nowhere, or over a limit."""

    code = "unsupported_schema"


@dataclass(frozen=True)
class Dialect:
    """The part of JSON Schema that one server takes and enforces."""

    label: str
    """What people call it."""
    all_required: bool = False
    """Every property must be required."""
    open_values: bool = False
    """Maps, and values of any kind, can be asked for."""
    object_on_top: bool = False
    """The top is one object, no choice of several."""
    formats: frozenset[str] = frozenset()
    longest: int = 0
    """Largest `minLength` and `maxLength` that is sent; 0: lengths are not enforced."""
    least_items: int = 0
    """Largest `minItems` that is sent."""
    most_items: int = 0
    """Largest `maxItems` that is sent."""
    bounds: Literal["none", "integers", "numbers"] = "none"
    multiples: bool = False
    one_string_rule: bool = False
    """Of pattern, format and lengths only the first counts."""
    limits: Mapping[Limit, int] = field(default_factory=lambda: MappingProxyType({}))


_MANY = 1_000
"""Repetitions in a grammar; llama.cpp has refused more than 2,000, and every one costs time."""
_DATES = frozenset({"date", "time", "date-time", "uuid"})
_NETWORK = frozenset({"duration", "email", "hostname", "ipv4", "ipv6"})

_CLAUDE = Dialect(
    "Claude",
    formats=_DATES | _NETWORK | {"uri"},
    least_items=1,
    limits=MappingProxyType({"optional parameters": 24, "parameters of several types": 16}),
)
_OPENAI = Dialect(
    "OpenAI",
    all_required=True,
    object_on_top=True,
    formats=_DATES | _NETWORK,
    least_items=1_000_000,
    most_items=1_000_000,
    bounds="numbers",
    multiples=True,
    limits=MappingProxyType(
        {
            "properties": 5_000,
            "levels": 10,
            "values in enums": 1_000,
            "characters in names and enums": 120_000,
        }
    ),
)
_GRAMMAR = Dialect(
    "llama.cpp",
    open_values=True,
    formats=_DATES,
    longest=_MANY,
    least_items=_MANY,
    most_items=_MANY,
    bounds="integers",
    one_string_rule=True,
)

DIALECTS: Mapping[Target, Dialect] = MappingProxyType(
    {
        "anthropic": _CLAUDE,
        "anthropic_tool": Dialect(
            "a strict tool of Claude",
            object_on_top=True,
            formats=_CLAUDE.formats,
            least_items=_CLAUDE.least_items,
            limits=_CLAUDE.limits,
        ),
        "llamacpp": _GRAMMAR,
        "ollama": _GRAMMAR,  # it carries llama.cpp's converter
        "openai": _OPENAI,
        "openai_tool": _OPENAI,  # its strict tools take the same
    }
)
