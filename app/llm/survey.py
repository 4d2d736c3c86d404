"""Asks every backend for its models and its version, side by side. Nothing is billed by that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.digests import writable
from app.errors import WorkbenchError
from app.llm.backends import REGISTRY
from app.llm.errors import BackendDown, DeadlineExceeded, LLMDisabled, LLMError, MissingKey
from app.llm.types import Backend, BackendName
from app.settings import Settings

ANSWER_WITHIN_S = 5.0
UNKNOWN_VERSION = "unknown"
"""Of a server that does not say what it is."""
KEYS: dict[BackendName, str] = {"anthropic": "WORKBENCH_ANTHROPIC_API_KEY"}
"""The setting without which a backend is not set up."""
_SILENT = "did not answer within {:g} s"

Condition = Literal["up", "down", "not_configured", "not_asked"]


@dataclass(frozen=True)
class Answered:
    """What one backend said, or why it said nothing."""

    backend: BackendName
    condition: Condition
    version: str | None = None
    models: Sequence[str] = ()
    latency_ms: int | None = None
    """Of the list of models."""
    code: str | None = None
    problem: str | None = None
    """Why it is not up."""
    missing: str | None = None
    """The setting that is not set."""


async def survey(
    settings: Settings, backends: Mapping[BackendName, Backend], *, within_s: float = ANSWER_WITHIN_S
) -> list[Answered]:
    """Every backend, in the order given. No traffic when model calls are switched off.

    Each of two requests has `within_s` seconds, and a server that is silent at the first gets no second.
    """
    if settings.llm_disabled:
        why = "model calls are switched off (WORKBENCH_LLM_DISABLED)"
        return [Answered(name, "not_asked", code=LLMDisabled.code, problem=why) for name in backends]
    return await asyncio.gather(*(_ask(settings, one, within_s) for one in backends.values()))


async def server_version(backend: Backend, within_s: float = ANSWER_WITHIN_S) -> str:
    """What the server says it is; `unknown` when it does not say."""
    try:
        async with asyncio.timeout(within_s):
            return writable((await backend.version()).strip()) or UNKNOWN_VERSION
    except (LLMError, TimeoutError):
        return UNKNOWN_VERSION


async def require_alive(backend: Backend) -> None:
    """Raises the `LLMError` of a backend that does not list its models."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await backend.models()
    except TimeoutError as error:
        raise BackendDown(f"{backend.name} {_SILENT.format(ANSWER_WITHIN_S)}") from error


async def _ask(settings: Settings, backend: Backend, within_s: float) -> Answered:
    name = backend.name
    try:
        if (
            name in REGISTRY
        ):  # importing an SDK takes seconds on a busy machine, which no server is to blame for
            await asyncio.to_thread(REGISTRY[name], settings)
        async with asyncio.timeout(within_s):
            started = time.monotonic()
            models = await backend.models()
            took = round((time.monotonic() - started) * 1000)
        return Answered(name, "up", await server_version(backend, within_s), sorted(models), took)
    except MissingKey as error:
        return Answered(
            name, "not_configured", code=error.code, problem=error.message, missing=KEYS.get(name)
        )
    except WorkbenchError as error:
        return Answered(name, "down", code=error.code, problem=error.message)
    except TimeoutError:
        return Answered(name, "down", code=DeadlineExceeded.code, problem=_SILENT.format(within_s))
    except Exception as error:  # one broken backend must not hide what there is to say of the others
        return Answered(name, "down", code="internal", problem=f"{type(error).__name__}: {error}"[:300])
