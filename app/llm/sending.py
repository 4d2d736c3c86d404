"""One request to a backend under its total deadline."""

from __future__ import annotations

import asyncio

from app.failpoints import failpoint
from app.llm.errors import DeadlineExceeded
from app.llm.types import Answer, Backend, Call
from app.settings import Settings


async def send(settings: Settings, backend: Backend, call: Call) -> Answer:
    """Raises the `LLMError` of the backend, and `DeadlineExceeded` of its profile or else of the settings."""
    profile = call.profile
    deadline = profile.timeout_s or (
        settings.api_timeout_s if profile.backend == "anthropic" else settings.local_timeout_s
    )
    try:
        async with asyncio.timeout(deadline):
            with failpoint("model.call"):
                return await backend.answer(call)
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"{profile.backend} gave no complete answer within {deadline:g} s "
            f"(profile {profile.name}); the reply may have been billed"
        ) from error
