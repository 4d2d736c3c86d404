"""Reads Ollama's replies: the parts of a stream; a whole reply is a stream of one part."""

from __future__ import annotations

import json

from app.llm.backends.counts import count, prompt_tokens
from app.llm.backends.plain import at, items_at, text_at
from app.llm.backends.received import Received
from app.llm.errors import ContextOverflow, InvalidAnswer, Truncated
from app.llm.types import JSON, Call
from app.usage.tokens import Tokens


def take_part(received: Received, part: JSON) -> None:
    """Raises `Repeats`."""
    received.text.add(text_at(part, "message", "content"))
    received.thinking.add(text_at(part, "message", "thinking"))
    for call in items_at(part, "message", "tool_calls"):
        received.calls += 1
        received.arguments.add(json.dumps(at(call, "function", "arguments"), ensure_ascii=False))
    received.model = text_at(part, "model") or received.model
    if at(part, "done") is True and at(part, "message") is not None:
        received.ended = True
        received.stop = text_at(part, "done_reason") or None
        if "eval_count" in part or "prompt_eval_count" in part:
            received.usage = _tokens(part)


def check_end(received: Received, call: Call) -> None:
    """Raises when the prompt was cut, or the model did not end by itself: such a text is never used."""
    tokens = received.tokens(call)
    if received.usage is not None:
        _check_context(tokens, call)
    if received.stop == "length":
        raise Truncated(
            f"the answer was cut off: {tokens.output:,} tokens, thinking included; raise max_output_tokens "
            f"or context_tokens of the profile {call.profile.name!r}, or ask for less",
            tokens=tokens,
        )
    if received.stop not in ("stop", None):
        raise InvalidAnswer(f"the answer ended with {received.stop!r}, not by itself", tokens=tokens)


def _tokens(part: JSON) -> Tokens:
    """Counts of 0 are absent. Thinking is part of the output; the server does not count it apart."""
    return Tokens(input=count(at(part, "prompt_eval_count")), output=count(at(part, "eval_count")))


def _check_context(tokens: Tokens, call: Call) -> None:
    """Raises when the server cut the prompt without saying so.

    A server that cuts keeps about half of the context plus 2 tokens, so far fewer tokens are counted than
    the prompt must have. Estimates err high, hence the wide margins.
    """
    window, wanted, read = call.profile.context_tokens, prompt_tokens(call), tokens.input
    lost_much = wanted > window and read < wanted / 2
    cut_to_half = abs(read - (window // 2 + 2)) <= 2 and wanted > 1.25 * read
    if read and (read >= window or lost_much or cut_to_half):
        raise ContextOverflow(
            f"Ollama read {read:,} tokens of a prompt of about {wanted:,}; the context of the profile "
            f"{call.profile.name!r} holds {window:,}. Raise its context_tokens or give it less to read",
            tokens=tokens,
        )
