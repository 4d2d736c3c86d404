"""The body of a request to an OpenAI-compatible server, in each mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.llm.backends import tool
from app.llm.types import JSON, Call


def request_body(call: Call, schema: Mapping[str, JSON], *, local: bool) -> dict[str, Any]:
    """The arguments of `chat.completions.create`. `schema` is in the dialect of OpenAI."""
    profile = call.profile
    system = "\n\n".join(filter(None, (call.system, tool.words_for(call) if call.mode == "tool" else "")))
    first = [{"role": "system", "content": system}] if system else []
    request: dict[str, Any] = {
        "model": profile.model,
        "messages": [*first, *({"role": m.role, "content": m.content} for m in call.messages)],
        "max_tokens": profile.max_output_tokens,
        "reasoning_effort": {"off": "none", "on": "medium"}.get(profile.think, profile.think),
    }
    if local:
        # Read by the chat template; OpenAI itself refuses a field that it does not know.
        request["extra_body"] = {"chat_template_kwargs": {"enable_thinking": profile.think != "off"}}
    if profile.temperature is not None:
        request["temperature"] = profile.temperature
    return request | _schema(call, schema)


def _schema(call: Call, schema: Mapping[str, JSON]) -> dict[str, Any]:
    if call.mode == "prompt":
        return {}
    named: dict[str, Any] = {"name": tool.name_of(call), "strict": True}
    if call.mode == "grammar":
        return {"response_format": {"type": "json_schema", "json_schema": {**named, "schema": schema}}}
    tool.check_input(schema)
    only = {**named, "description": tool.description(call), "parameters": schema}
    # `required` forces the only tool; not every server takes its name here.
    return {"tools": [{"type": "function", "function": only}], "tool_choice": "required"}
