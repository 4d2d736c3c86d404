"""Carries out `models`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.cli.cascade import checked
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.pipelines import routing
from app.pipelines.profile import ProfileChange
from app.services import Services
from app.tables import ModelProfile, Route


def list_profiles(*, as_json: bool) -> None:
    async def read(services: Services) -> tuple[Sequence[ModelProfile], Sequence[Route]]:
        async with services.database.transaction() as session:
            return await routing.profiles(session), await routing.routes(session)

    found, routes = with_services(read_settings(), read)
    led = {
        profile.name: [route.name for route in routes if route.profile == profile.name] for profile in found
    }
    if as_json:
        print_json([_as_json(profile) | {"routes": led[profile.name]} for profile in found])
        return
    made = table(
        "profile", "backend", "model", "context", "answer", "think", "routes", right=("context", "answer")
    )
    for item in found:
        context, answer = f"{item.context_tokens:,}", f"{item.max_output_tokens:,}"
        row(made, item.name, item.backend, item.model, context, answer, item.think, ", ".join(led[item.name]))
    emit(stdout(), made)


def set_profile(name: str, given: dict[str, Any]) -> None:
    change = checked(ProfileChange, given, f"profile {name}")

    async def write(services: Services) -> ModelProfile:
        async with services.database.transaction() as session:
            return await routing.change_profile(session, name, change)

    changed = with_services(read_settings(), write)
    say(stdout(), f"{changed.name} asks {changed.model} on {changed.backend} from the next run on")


def _as_json(profile: ModelProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "backend": profile.backend,
        "model": profile.model,
        "context_tokens": profile.context_tokens,
        "max_output_tokens": profile.max_output_tokens,
        "think": profile.think,
        "temperature": None if profile.temperature is None else float(profile.temperature),
        "timeout_s": None if profile.timeout_s is None else float(profile.timeout_s),
        "vram_gb": None if profile.vram_gb is None else float(profile.vram_gb),
        "max_turns": profile.max_turns,
        "code_channel": profile.code_channel,
        "edited": profile.edited_at is not None,
    }
