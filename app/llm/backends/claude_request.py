"""The body of a request to Claude, in each mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.llm.backends import tool
from app.llm.backends.claude_thinking import thinking
from app.llm.types import JSON, Call


def request_body(call: Call, schema: Mapping[str, JSON]) -> dict[str, Any]:
    """The arguments of `messages.create`. `schema` is in the dialect of Claude."""
    think, effort = thinking(call.profile)
    output = effort | _format(call, schema)
    request: dict[str, Any] = {
        "model": call.profile.model,
        "max_tokens": call.profile.max_output_tokens,
        # An empty answer that is asked again would be refused as a message without text.
        "messages": [{"role": m.role, "content": m.content} for m in call.messages if m.content.strip()],
        "thinking": think,
    }
    if output:
        request["output_config"] = output
    if system := _system(call):
        request["system"] = system
    return request | _tools(call, schema)


def _system(call: Call) -> list[dict[str, JSON]]:
    blocks: list[dict[str, JSON]] = []
    if call.system:
        blocks.append({"type": "text", "text": call.system, "cache_control": {"type": "ephemeral"}})
    if call.mode == "tool":
        blocks.append({"type": "text", "text": tool.words_for(call)})
    return blocks


def _format(call: Call, schema: Mapping[str, JSON]) -> dict[str, JSON]:
    return {"format": {"type": "json_schema", "schema": schema}} if call.mode == "grammar" else {}


def _tools(call: Call, schema: Mapping[str, JSON]) -> dict[str, Any]:
    """Current models refuse a `tool_choice` that forces the call."""
    if call.mode != "tool":
        return {}
    tool.check_input(schema)
    only = {
        "name": tool.name_of(call),
        "description": tool.description(call),
        "strict": True,
        "input_schema": schema,
    }
    return {"tools": [only], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
