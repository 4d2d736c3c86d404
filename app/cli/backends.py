"""Which profile `--backend` means, and whether what a run needs is there before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from app.cli.failures import HINTS
from app.cli.invocation import command
from app.cli.options import BackendChoice
from app.errors import Invalid, Unavailable, WorkbenchError
from app.llm.backends import pick
from app.llm.errors import LLMDisabled, LLMError, ModelNotFound
from app.llm.types import Backend, BackendName, Profile
from app.pipelines.snapshot import Snapshot
from app.services import Services
from app.settings import Settings

SILENT = frozenset({"backend_down", "reply_lost", "deadline_exceeded", "unavailable"})
ANSWER_WITHIN_S = 15.0
"""A server that does not list its models in this time counts as down."""


def profile_of(settings: Settings, backend: BackendChoice | None, profile: str | None) -> str | None:
    """The profile that answers every phase; None: the routes decide."""
    if backend is None or profile is not None:
        return profile
    return {
        BackendChoice.RECORDED: "recorded",
        BackendChoice.ANTHROPIC: "claude",
        BackendChoice.OLLAMA: f"ollama-{settings.ollama_profile}",
        BackendChoice.OPENAI: "lmstudio",
    }[backend]


async def require_ready(services: Services, snapshot: Snapshot, backend: BackendChoice | None) -> None:
    """Ask each server that the run will need. Raises an error that says what to set, start or pull."""
    profiles = profiles_of(snapshot)
    for found in profiles:
        if backend is not None and found.backend != backend:
            raise Invalid(
                f"the profile {found.name} is one of {found.backend}, not of {backend}: leave one out"
            )
    if services.settings.llm_disabled and profiles:
        raise LLMDisabled("model calls are switched off (WORKBENCH_LLM_DISABLED)")
    for name in sorted({found.backend for found in profiles}):
        await _require(services, name, [found for found in profiles if found.backend == name])


async def load_snapshot(services: Services, definition: str, profile: str | None) -> Snapshot:
    """What a run of this definition would pin now."""
    async with services.database.transaction() as session:
        return await services.loader.load(session, definition, profile)


def profiles_of(snapshot: Snapshot) -> tuple[Profile, ...]:
    """The profiles that the phases of a run ask, each once."""
    found = {spec.profile.name: spec.profile.profile() for spec in snapshot.phases if spec.profile}
    return tuple(found.values())


async def list_models(backends: Mapping[BackendName, Backend], name: str) -> list[str]:
    """The models of that backend. Raises `Unavailable` when it is silent, `LLMError` when it says no."""
    backend = pick(backends, name)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await backend.models()
    except TimeoutError:
        raise Unavailable(
            f"{name} took the connection but did not answer within {ANSWER_WITHIN_S:g} s"
        ) from None


async def _require(services: Services, name: BackendName, profiles: Iterable[Profile]) -> None:
    try:
        known = await list_models(services.backends, name)
    except (LLMError, Unavailable) as error:
        error.details["hint"] = hint_for(error, name, services.settings)
        raise
    for profile in profiles:
        if not _has(name, profile.model, known):
            raise ModelNotFound(
                f"{name} at {url_of(name, services.settings)} has no model {profile.model!r} "
                f"(profile {profile.name}); it has: {', '.join(sorted(known)[:20]) or 'none'}",
                hint=_get_model(name, profile),
            )


def _has(name: str, model: str, known: list[str]) -> bool:
    """Claude takes aliases that its list does not show; Ollama lists a name without tag as latest."""
    if name in ("anthropic", "recorded"):
        return True
    return model in known or f"{model}:latest" in known


def _get_model(name: str, profile: Profile) -> str:
    if name == "ollama":
        return f"ollama pull {profile.model}"
    change = command("models", "set", profile.name, "--model", "NAME")
    return f"load {profile.model} on that server, or name one it has: {change}"


def hint_for(error: WorkbenchError, name: str, settings: Settings) -> str:
    """What to do about a server that does not list its models."""
    if error.code not in SILENT:
        return str(HINTS.get(error.code, ""))
    return {
        "ollama": "start it with `ollama serve`; "
        f"WORKBENCH_OLLAMA_HOST says where it is ({settings.ollama_host})",
        "openai": "start the server of LM Studio (Developer tab, or `lms server start`), llama.cpp or vLLM; "
        f"WORKBENCH_OPENAI_BASE_URL says where it is ({settings.openai_base_url})",
        "anthropic": "check the network; WORKBENCH_ANTHROPIC_BASE_URL says where Claude answers "
        f"({settings.anthropic_base_url})",
    }.get(name, "")


def url_of(name: str, settings: Settings) -> str:
    urls = {
        "anthropic": settings.anthropic_base_url,
        "ollama": settings.ollama_host,
        "openai": settings.openai_base_url,
    }
    return urls.get(name, name)
