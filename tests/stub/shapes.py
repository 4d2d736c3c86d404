"""What a stub answers, before a protocol gives it its wire form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from app.usage.tokens import Tokens

Manner = Literal["whole", "cut", "end", "drop", "drip", "flood", "unstreamed", "loop"]

OK = '{"verdict": "pass", "notes": ["fine"]}'
"""The answer when nobody sets one."""


@dataclass(frozen=True)
class Shape:
    """One good answer: what the model wrote, and how it ended."""

    text: str = OK
    thinking: str = ""
    stop: Literal["end", "length", "refusal", "context", "filter", "pause", "load"] = "end"
    tokens: Tokens | None = None
    """None: counted from the texts."""
    usage: bool = True
    calls: int = 1
    """How often the tool of the request is called, where it has one; 0: text comes instead."""
    broken: str = ""
    """What comes in the middle of a stream instead of its rest: a kind of error, or `malformed`."""
    loop: Literal["", "text", "thinking"] = ""
    """Which of the two is repeated for ever."""


@dataclass(frozen=True)
class Fault:
    """A reply that is no good answer. `body` None: the protocol's own error form."""

    status: int = 500
    kind: str = "api_error"
    message: str = "something broke"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Reply:
    """Bytes for the socket, and the way they are sent."""

    status: int
    body: bytes
    headers: dict[str, str]
    manner: Manner = "whole"
    parts: tuple[bytes, ...] = ()
    """Of a stream; the body is empty then."""
    again: bytes = b""
    """The part that a loop repeats."""


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def pieces(text: str, size: int = 8) -> list[str]:
    return [text[place : place + size] for place in range(0, len(text), size)]


def billed(shape: Shape, prompt: str) -> Tokens:
    """The stub's own count: a token is four characters."""
    if shape.tokens:
        return shape.tokens
    thinking = -(-len(shape.thinking) // 4)
    return Tokens(input=-(-len(prompt) // 4), output=-(-len(shape.text) // 4) + thinking, thinking=thinking)
