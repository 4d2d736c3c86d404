"""The body of a request to Ollama, in each mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.llm.backends import tool
from app.llm.types import JSON, Call, Profile


def request_body(call: Call, schema: Mapping[str, JSON]) -> dict[str, Any]:
    """The body of `/api/chat`. `schema` is in the dialect of Ollama."""
    profile = call.profile
    options: dict[str, Any] = {"num_ctx": profile.context_tokens, "num_predict": profile.max_output_tokens}
    if profile.temperature is not None:
        options["temperature"] = profile.temperature
    system = "\n\n".join(filter(None, (call.system, tool.words_for(call) if call.mode == "tool" else "")))
    first = [{"role": "system", "content": system}] if system else []
    return {
        "model": profile.model,
        "messages": [*first, *({"role": m.role, "content": m.content} for m in call.messages)],
        "stream": True,
        "think": _think(profile),
        "options": options,
        "truncate": False,
        "shift": False,
    } | _schema(call, schema)


def _schema(call: Call, schema: Mapping[str, JSON]) -> dict[str, Any]:
    if call.mode == "prompt":
        return {}
    if call.mode == "grammar":
        return {"format": schema}
    tool.check_input(schema)
    only = {"name": tool.name_of(call), "description": tool.description(call), "parameters": schema}
    return {"tools": [{"type": "function", "function": only}]}


def _think(profile: Profile) -> bool | str:
    """Always sent: without it the server turns thinking on. gpt-oss knows levels only and never stops."""
    if "gpt-oss" in profile.model:
        return {"off": "low", "on": "medium"}.get(profile.think, profile.think)
    if profile.think in ("off", "on"):
        return profile.think == "on"
    return profile.think
