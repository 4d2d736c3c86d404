"""The wire form of each protocol: good answers, errors, model lists, and the prompt in a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.usage.tokens import Tokens
from tests.stub.shapes import Fault, Shape
from tests.stub.streams import Streamed, claude_stream, ollama_stream, openai_stream

MODELS = ["tiny", "claude-haiku-5-5", "qwen3:8b"]

CLAUDE_STOPS = {
    "end": "end_turn",
    "length": "max_tokens",
    "context": "model_context_window_exceeded",
    "pause": "pause_turn",
}
OLLAMA_STOPS = {"end": "stop", "refusal": "stop", "context": "length"}
OPENAI_STOPS = {"end": "stop", "refusal": "stop", "context": "length", "filter": "content_filter"}


@dataclass(frozen=True)
class Wire:
    """One protocol."""

    chat: str
    """Path of a chat request."""
    models: str
    """Path of the model list."""
    answer: Callable[[Shape, Tokens, str, str], dict[str, Any]]
    """Body of a good answer, from the shape, its counts, the model's name and the tool that is called."""
    error: Callable[[Fault], dict[str, Any]]
    model_list: Callable[[], dict[str, Any]]
    stream: Streamed
    version: str = ""
    """Path of the server's version."""
    version_body: dict[str, str] = field(default_factory=dict)


def prompt(body: dict[str, Any]) -> str:
    """All text of a request, in any protocol."""
    system = body.get("system") or []
    parts = [system] if isinstance(system, str) else [block["text"] for block in system]
    return "\n".join([*parts, *(str(message["content"]) for message in body.get("messages", []))])


def called_tool(body: dict[str, Any], shape: Shape) -> str:
    """The tool that a good answer to this request calls; empty: none."""
    tools = body.get("tools") or []
    if not tools or not shape.calls or shape.stop != "end" or not shape.text.startswith("{"):
        return ""
    return str(tools[0].get("name") or tools[0]["function"]["name"])


def _claude_answer(shape: Shape, tokens: Tokens, model: str, tool: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if shape.thinking:
        content.append({"type": "thinking", "thinking": shape.thinking, "signature": "c2ln"})
    if tool:
        call = {"type": "tool_use", "id": "toolu_stub", "name": tool, "input": json.loads(shape.text)}
        content += [call] * shape.calls
    elif shape.text:
        content.append({"type": "text", "text": shape.text, "citations": None})
    refusal = {"type": "refusal", "category": "cyber", "explanation": "it may do harm"}
    body = {
        "id": "msg_stub",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if tool else CLAUDE_STOPS.get(shape.stop, shape.stop),
        "stop_sequence": None,
        "stop_details": refusal if shape.stop == "refusal" else None,
    }
    usage = {
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.thinking},
        "service_tier": "standard",
        "inference_geo": "global",
    }
    return body | ({"usage": usage} if shape.usage else {})


def _claude_error(fault: Fault) -> dict[str, Any]:
    error = {"type": fault.kind, "message": fault.message}
    return {"type": "error", "error": error, "request_id": "req_stub"}


def _claude_models() -> dict[str, Any]:
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-10-01T00:00:00Z"}
        for name in MODELS
    ]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def _ollama_answer(shape: Shape, tokens: Tokens, model: str, tool: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "" if tool else shape.text}
    if tool:
        call = {"function": {"name": tool, "arguments": json.loads(shape.text)}}
        message["tool_calls"] = [call] * shape.calls
    if shape.thinking:
        message["thinking"] = shape.thinking
    body = {
        "model": model,
        "created_at": "2026-11-01T08:00:00.000000Z",
        "message": message,
        "done": True,
        "done_reason": OLLAMA_STOPS.get(shape.stop, shape.stop),
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
    }
    counts = {"prompt_eval_count": tokens.total_input, "eval_count": tokens.output}
    # The server leaves out a count of 0.
    return body | ({name: number for name, number in counts.items() if number} if shape.usage else {})


def _ollama_error(fault: Fault) -> dict[str, Any]:
    return {"error": fault.message}


def _ollama_models() -> dict[str, Any]:
    details = {"parent_model": "", "format": "gguf", "family": "tiny", "families": ["tiny"]}
    return {
        "models": [
            {"name": name, "model": name, "size": 1, "digest": "0" * 64, "details": details}
            for name in MODELS
        ]
    }


def _openai_answer(shape: Shape, tokens: Tokens, model: str, tool: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if tool else shape.text, "refusal": None}
    if tool:
        function = {"name": tool, "arguments": shape.text}
        message["tool_calls"] = [{"id": "call_stub", "type": "function", "function": function}] * shape.calls
    if shape.stop == "refusal":
        message["refusal"] = "it may do harm"
    if shape.thinking:
        message["reasoning_content"] = shape.thinking
    finish = "tool_calls" if tool else OPENAI_STOPS.get(shape.stop, shape.stop)
    body = {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "system_fingerprint": "stub",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
    }
    usage = {
        "prompt_tokens": tokens.total_input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.total_input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read},
        "completion_tokens_details": {"reasoning_tokens": tokens.thinking},
    }
    return body | ({"usage": usage} if shape.usage else {})


def _openai_error(fault: Fault) -> dict[str, Any]:
    return {"error": {"message": fault.message, "type": fault.kind, "param": None, "code": fault.status}}


def _openai_models() -> dict[str, Any]:
    data = [{"id": name, "object": "model", "created": 1, "owned_by": "stub"} for name in MODELS]
    return {"object": "list", "data": data}


WIRES: dict[str, Wire] = {
    "anthropic": Wire(
        "/v1/messages", "/v1/models", _claude_answer, _claude_error, _claude_models, claude_stream
    ),
    "ollama": Wire(
        "/api/chat",
        "/api/tags",
        _ollama_answer,
        _ollama_error,
        _ollama_models,
        ollama_stream,
        "/api/version",
        {"version": "0.32.9"},
    ),
    "openai": Wire(
        "/v1/chat/completions",
        "/v1/models",
        _openai_answer,
        _openai_error,
        _openai_models,
        openai_stream,
        "/props",
        {"build_info": "b11549-stub"},
    ),
}
