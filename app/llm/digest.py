"""Digests of a call: one of all that decides its answer, one of the question alone."""

from __future__ import annotations

from app.digests import digest
from app.llm.types import JSON, Call


def request_digest(call: Call) -> str:
    """SHA-256 over backend, model, system, messages, schema and sampling, as hexadecimal digits."""
    profile = call.profile
    sampling = {
        "context_tokens": profile.context_tokens,
        "max_output_tokens": profile.max_output_tokens,
        "temperature": profile.temperature,
        "think": profile.think,
    }
    return digest(
        _question(call) | {"backend": profile.backend, "model": profile.model, "sampling": sampling}
    )


def question_digest(call: Call) -> str:
    """SHA-256 over system, messages and schema: the same for every model that is asked."""
    return digest(_question(call))


def _question(call: Call) -> dict[str, JSON]:
    return {
        "system": call.system,
        "messages": [[message.role, message.content] for message in call.messages],
        "schema_name": call.schema_name,
        "schema": dict(call.schema),
    }
