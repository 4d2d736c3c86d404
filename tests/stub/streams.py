"""The stream form of each protocol, made from the whole answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.stub.shapes import pieces

Parts = list[bytes]
ErrorForm = Callable[[str, str], bytes]
"""The part that tells of an error of this type, with this message."""
Streamed = Callable[[dict[str, Any]], tuple[str, Parts, ErrorForm]]
"""From a whole answer: content type, the parts of the stream, and the form of an error among them."""


def claude_stream(answer: dict[str, Any]) -> tuple[str, Parts, ErrorForm]:
    usage = answer.get("usage")
    start = answer | {"content": [], "stop_reason": None, "stop_details": None}
    if usage:
        start["usage"] = usage | {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}}
    parts = [_claude("message_start", message=start), _claude("ping")]
    for index, block in enumerate(answer["content"]):
        parts += _claude_block(index, block)
    delta = {name: answer[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counted = {"usage": {k: usage[k] for k in ("output_tokens", "output_tokens_details")}} if usage else {}
    parts += [_claude("message_delta", delta=delta, **counted), _claude("message_stop")]
    return "text/event-stream; charset=utf-8", parts, _claude_error


def _claude_block(index: int, block: dict[str, Any]) -> Parts:
    match block["type"]:
        case "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            empty = block | {"input": {}}
            written = json.dumps(block["input"], ensure_ascii=False)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(written)]]
        case _:
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    return [
        _claude("content_block_start", index=index, content_block=empty),
        *(_claude("content_block_delta", index=index, delta=delta) for delta in deltas),
        _claude("content_block_stop", index=index),
    ]


def _claude(event: str, **data: Any) -> bytes:
    return f"event: {event}\n".encode() + _sse({"type": event} | data)


def _claude_error(kind: str, message: str) -> bytes:
    return _claude("error", error={"type": kind, "message": message})


def ollama_stream(answer: dict[str, Any]) -> tuple[str, Parts, ErrorForm]:
    message = answer["message"]
    first = {name: answer[name] for name in ("model", "created_at")}

    def part(**given: Any) -> bytes:
        return _line(first | {"message": {"role": "assistant", "content": ""} | given, "done": False})

    parts = [part(thinking=piece) for piece in pieces(message.get("thinking", ""))]
    parts += [part(tool_calls=[call]) for call in message.get("tool_calls", ())]
    parts += [part(content=piece) for piece in pieces(message["content"])]
    parts.append(_line(answer | {"message": {"role": "assistant", "content": ""}}))
    return "application/x-ndjson", parts, lambda _, message: _line({"error": message})


def openai_stream(answer: dict[str, Any]) -> tuple[str, Parts, ErrorForm]:
    whole = answer["choices"][0]
    message = whole["message"]
    base = {k: v for k, v in answer.items() if k not in ("choices", "usage")}
    base["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _sse(base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    parts = [chunk({"role": "assistant", "content": None})]
    parts += [chunk({"reasoning_content": piece}) for piece in pieces(message.get("reasoning_content", ""))]
    parts += [chunk({"content": piece}) for piece in pieces(message["content"] or "")]
    if message["refusal"]:
        parts += [chunk({"refusal": piece}) for piece in pieces(message["refusal"])]
    for index, call in enumerate(message.get("tool_calls", ())):
        named = {"index": index, "function": call["function"] | {"arguments": ""}}
        parts.append(chunk({"tool_calls": [call | named]}))
        for piece in pieces(call["function"]["arguments"]):
            parts.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
    parts.append(chunk({}, whole["finish_reason"]))
    if "usage" in answer:
        parts.append(_sse(base | {"choices": [], "usage": answer["usage"]}))
    parts.append(b"data: [DONE]\n\n")
    return "text/event-stream", parts, _openai_error


def _openai_error(kind: str, message: str) -> bytes:
    code = 529 if kind == "overloaded_error" else 500
    return _sse({"error": {"code": code, "message": message, "type": kind}})


def _sse(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "surrogatepass")


def _line(data: dict[str, Any]) -> bytes:
    return f"{json.dumps(data, ensure_ascii=False)}\n".encode("utf-8", "surrogatepass")
