"""Reads the replies of OpenAI-compatible servers: the chunks of a stream, or a whole completion."""

from __future__ import annotations

from app.llm.backends.counts import count
from app.llm.backends.plain import at, items_at, text_at
from app.llm.backends.received import Received
from app.llm.errors import InvalidAnswer, Refused, Truncated
from app.llm.types import JSON, Call
from app.usage.tokens import Tokens


def take_chunk(received: Received, chunk: JSON) -> None:
    """Raises `Repeats`."""
    choice = at(chunk, "choices", 0)
    delta = at(choice, "delta")
    received.text.add(text_at(delta, "content"))
    received.thinking.add(_reasoning(delta))
    received.refusal += text_at(delta, "refusal")
    for call in items_at(delta, "tool_calls"):
        received.calls = max(received.calls, count(at(call, "index")) + 1)
        received.arguments.add(text_at(call, "function", "arguments"))
    _take_rest(received, chunk, choice)
    received.ended = received.stop is not None


def take_completion(received: Received, body: JSON) -> bool:
    """A whole completion, from a server that does not stream. False: it holds no choice. Raises `Repeats`."""
    choice = at(body, "choices", 0)
    message = at(choice, "message")
    if message is None:
        return False
    received.text.add(text_at(message, "content"))
    received.thinking.add(_reasoning(message))
    received.refusal = text_at(message, "refusal")
    for call in items_at(message, "tool_calls"):
        received.calls += 1
        received.arguments.add(text_at(call, "function", "arguments"))
    _take_rest(received, body, choice)
    received.ended = True
    return True


def check_finish(received: Received, call: Call) -> None:
    """Raises unless the model ended by itself. The text of a cut answer is never used."""
    tokens = received.tokens(call)
    if received.refusal:
        raise Refused(f"the model declined to answer: {received.refusal}", tokens=tokens)
    match received.stop:
        case "stop":
            return
        case "tool_calls" if call.mode == "tool":
            return
        case "length":
            raise Truncated(
                f"the answer was cut off: {tokens.output:,} tokens, thinking included; raise "
                f"max_output_tokens of the profile {call.profile.name!r} or the server's context",
                tokens=tokens,
            )
        case "content_filter":
            raise Refused("the server's content filter withheld the answer", tokens=tokens)
        case other:
            raise InvalidAnswer(f"the answer ended with {other!r}, not by itself", tokens=tokens)


def _take_rest(received: Received, body: JSON, choice: JSON) -> None:
    received.stop = text_at(choice, "finish_reason") or received.stop
    received.model = text_at(body, "model") or received.model
    # Local servers send no header with an id, but one in the body.
    received.request_id = received.request_id or text_at(body, "id") or None
    if usage := at(body, "usage"):
        received.usage = _tokens(usage)


def _reasoning(message: JSON) -> str:
    return text_at(message, "reasoning_content") or text_at(message, "reasoning")


def _tokens(usage: JSON) -> Tokens:
    prompt = count(at(usage, "prompt_tokens"))
    cached = count(at(usage, "prompt_tokens_details", "cached_tokens"))
    return Tokens(
        input=max(prompt - cached, 0),
        cache_read=cached,
        output=count(at(usage, "completion_tokens")),
        thinking=count(at(usage, "completion_tokens_details", "reasoning_tokens")),
    )
