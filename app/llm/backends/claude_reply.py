"""Reads Claude's replies: the events of a stream, or a whole message."""

from __future__ import annotations

import json

from app.llm.backends.counts import count
from app.llm.backends.plain import at, text_at
from app.llm.backends.received import Received
from app.llm.errors import ContextOverflow, InvalidAnswer, Refused, Truncated
from app.llm.types import JSON, Call
from app.usage.tokens import Tokens


def take_event(received: Received, event: JSON) -> None:
    """Raises `Repeats`. Events that are not known are no part of the answer."""
    match at(event, "type"):
        case "message_start":
            received.model = text_at(event, "message", "model")
            if usage := at(event, "message", "usage"):
                received.started = tokens_of(usage, Tokens())
        case "content_block_start":
            received.calls += at(event, "content_block", "type") == "tool_use"
            received.text.add(text_at(event, "content_block", "text"))
        case "content_block_delta":
            received.text.add(text_at(event, "delta", "text"))
            received.thinking.add(text_at(event, "delta", "thinking"))
            received.arguments.add(text_at(event, "delta", "partial_json"))
        case "message_delta":
            _take_stop(received, at(event, "delta"))
            if (usage := at(event, "usage")) and at(usage, "output_tokens") is not None:
                received.usage = tokens_of(usage, received.started or Tokens())
        case "message_stop":
            received.ended = True


def take_message(received: Received, body: JSON) -> bool:
    """A whole message, from a server that does not stream. False: it is none. Raises `Repeats`."""
    content = at(body, "content")
    if not isinstance(content, list):
        return False
    for block in content:
        match at(block, "type"):
            case "text":
                received.text.add(text_at(block, "text"))
            case "thinking":
                received.thinking.add(text_at(block, "thinking"))
            case "tool_use":
                received.calls += 1
                received.arguments.add(json.dumps(at(block, "input"), ensure_ascii=False))
    _take_stop(received, body)
    received.model = text_at(body, "model")
    if usage := at(body, "usage"):
        received.usage = tokens_of(usage, Tokens())
    received.ended = True
    return True


def tokens_of(usage: JSON, before: Tokens) -> Tokens:
    """Counts are cumulative; what is absent stays as it was. The thinking is part of the output."""

    def counted(name: str, so_far: int) -> int:
        return so_far if at(usage, name) is None else count(at(usage, name))

    return Tokens(
        input=counted("input_tokens", before.input),
        cache_read=counted("cache_read_input_tokens", before.cache_read),
        cache_write=counted("cache_creation_input_tokens", before.cache_write),
        cache_write_1h=count(at(usage, "cache_creation", "ephemeral_1h_input_tokens"))
        or before.cache_write_1h,
        output=counted("output_tokens", before.output),
        thinking=count(at(usage, "output_tokens_details", "thinking_tokens")),
    )


def check_stop(received: Received, call: Call) -> None:
    """Raises unless the model ended by itself. The text of a cut answer is never used."""
    limit, name, tokens = call.profile.max_output_tokens, call.profile.name, received.tokens(call)
    match received.stop:
        case "end_turn" | "stop_sequence":
            return
        case "tool_use" if call.mode == "tool":
            return
        case "max_tokens":
            raise Truncated(
                f"the answer was cut off at {limit:,} tokens, thinking included; "
                f"raise max_output_tokens of the profile {name!r} or ask for less",
                tokens=tokens,
            )
        case "model_context_window_exceeded":
            raise ContextOverflow("prompt and answer do not fit the model's context", tokens=tokens)
        case "refusal":
            raise Refused(f"Claude declined to answer {received.refusal}", tokens=tokens)
        case other:
            raise InvalidAnswer(f"the answer ended with {other!r}, not by itself", tokens=tokens)


def _take_stop(received: Received, holder: JSON) -> None:
    received.stop = text_at(holder, "stop_reason") or received.stop
    category = text_at(holder, "stop_details", "category") or "no category given"
    why = text_at(holder, "stop_details", "explanation") or "no explanation given"
    received.refusal = f"({category}): {why}"
