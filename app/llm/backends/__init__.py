"""Every backend by name, and the entry point `workbench.backends` for those of other packages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from app.errors import unknown
from app.llm.backends.lazy import LazyBackend
from app.llm.types import Backend, BackendName
from app.settings import Settings

Factory = Callable[[Settings], Backend]
"""Makes a backend. No key and no server are needed before the first call."""

ENTRY_POINTS = "workbench.backends"

log = logging.getLogger(__name__)


def _anthropic(settings: Settings) -> Backend:
    from app.llm.backends.anthropic import AnthropicBackend

    return AnthropicBackend(settings)


def _ollama(settings: Settings) -> Backend:
    from app.llm.backends.ollama import OllamaBackend

    return OllamaBackend(settings)


def _openai(settings: Settings) -> Backend:
    from app.llm.backends.openai import OpenAIBackend

    return OpenAIBackend(settings)


def _recorded(settings: Settings) -> Backend:
    from app.llm.backends.recorded import RecordedBackend

    return RecordedBackend(settings.cassette)


REGISTRY: dict[BackendName, Factory] = {
    "anthropic": _anthropic,
    "ollama": _ollama,
    "openai": _openai,
    "recorded": _recorded,
}
"""A new backend is one file in this folder and one line here. An SDK is imported by its first call."""


def create_backends(settings: Settings) -> dict[BackendName, Backend]:
    """All backends by name. Nothing is imported, opened or asked for a key yet."""
    factories: dict[BackendName, Factory] = {**_foreign(), **REGISTRY}
    return {name: LazyBackend(name, factory, settings) for name, factory in factories.items()}


def backend_names() -> list[str]:
    """Every backend that a profile may name."""
    return sorted({**_foreign(), **REGISTRY})


def pick(backends: Mapping[BackendName, Backend], name: str) -> Backend:
    """The backend of this name. Raises `NotFound`, which lists the names that exist."""
    for known, backend in backends.items():
        if known == name:
            return backend
    raise unknown("LLM backend", name, backends)


def _foreign() -> dict[BackendName, Factory]:
    """Backends of other packages; ours keep their names."""
    found: dict[BackendName, Factory] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in REGISTRY:
            log.warning("the backend %r of %s is ignored: the name is taken", entry.name, entry.value)
            continue
        found[entry.name] = _loader(entry)
    return found


def _loader(entry: EntryPoint) -> Factory:
    def make(settings: Settings) -> Backend:
        return cast(Backend, entry.load()(settings))

    return make
