"""Token counts for a server that sends none."""

from __future__ import annotations

from app.llm.types import Call
from app.usage.estimate import estimate_tokens
from app.usage.tokens import Tokens

ESTIMATED = "token counts are estimated: the server sent none"
"""Note for an answer whose counts are ours: a zero would let a budget never run out."""


def prompt_tokens(call: Call) -> int:
    return sum(estimate_tokens(text) for text in (call.system, *(m.content for m in call.messages)))


def estimated(call: Call, text: str) -> Tokens:
    return Tokens(input=prompt_tokens(call), output=estimate_tokens(text))


def count(value: object) -> int:
    """A count from a reply; what is absent or no number is 0."""
    return max(value, 0) if isinstance(value, int) else 0
