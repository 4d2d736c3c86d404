"""How the model servers stand, over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from app.llm.errors import BackendDown
from app.llm.health import FAILURES
from app.llm.probing import store
from app.llm.probing.case import Verdict
from app.llm.probing.figures import Asked, capability
from app.llm.types import Mode
from app.pipelines import routing
from app.pipelines.profile import ProfileChange
from app.services import Services, open_services
from app.settings import Settings
from app.usage.tokens import Tokens
from app.workspace.sandbox.sandbox import Sandbox
from tests.db.api.conftest import Serve
from tests.stub import Stub

NOBODY = "http://127.0.0.1:9"
HELD = Asked(1.0, Tokens(output=9), Verdict(True, True, True, True))
BROKE = Asked(1.0, Tokens(output=9))


@asynccontextmanager
async def opened(settings: Settings, sandbox: Sandbox, stub: Stub, **changes: Any) -> AsyncIterator[Services]:
    """The services with an Ollama that answers and nothing else that does."""
    urls = {"ollama_host": stub.url, "openai_base_url": f"{NOBODY}/v1"}
    async with open_services(settings.model_copy(update=urls | changes), sandbox) as services:
        yield services


async def look(serve: Serve, services: Services) -> dict[str, dict[str, Any]]:
    response = await serve(services, auth="off").get("/backends")
    assert response.status_code == 200
    return {one.pop("name"): one for one in response.json()}


async def probed(services: Services, version: str, **held: Asked) -> None:
    """A probe of the model `tiny` on Ollama, one answer in each mode."""
    modes: dict[str, Mode] = {"grammar": "grammar", "prompt": "prompt"}
    found = [
        capability("ollama", "tiny", version, modes[name], thinks=False, calls=[call], at=datetime.now(UTC))
        for name, call in held.items()
    ]
    async with services.database.transaction() as session:
        await routing.change_profile(session, "ollama-fast", ProfileChange(model="tiny"))
        await store.replace(session, found)


async def test_every_backend_says_whether_it_is_up_and_what_is_missing(
    settings: Settings, sandbox: Sandbox, serve: Serve
) -> None:
    async with Stub("ollama") as stub, opened(settings, sandbox, stub) as services:
        found = await look(serve, services)
    assert {name: one["condition"] for name, one in found.items()} == {
        "anthropic": "not_configured",
        "ollama": "up",
        "openai": "down",
        "recorded": "up",
    }
    assert found["anthropic"]["missing"] == "WORKBENCH_ANTHROPIC_API_KEY"
    assert found["ollama"]["version"] == "0.32.9"
    assert "tiny" in found["ollama"]["models"]
    assert found["openai"]["code"] == "backend_down"
    assert stub.requests == []


async def test_a_profile_says_whether_its_model_is_there_and_how_fresh_its_probe_is(
    settings: Settings, sandbox: Sandbox, serve: Serve
) -> None:
    async with Stub("ollama") as stub, opened(settings, sandbox, stub) as services:
        await probed(services, "0.32.9", grammar=BROKE, prompt=HELD)
        profiles = {one["profile"]: one for one in (await look(serve, services))["ollama"]["profiles"]}
        assert (profiles["ollama-fast"]["offered"], profiles["ollama-fast"]["freshness"]) == (True, "fresh")
        assert profiles["ollama-fast"]["modes"] == ["prompt"]
        assert (profiles["qwen3-14b"]["offered"], profiles["qwen3-14b"]["freshness"]) == (False, "never")
        stub.version = "0.33.0"
        profiles = {one["profile"]: one for one in (await look(serve, services))["ollama"]["profiles"]}
        fast = profiles["ollama-fast"]
        assert (fast["freshness"], fast["server_version"]) == ("stale", "0.32.9")


async def test_without_its_server_nobody_knows_how_fresh_a_probe_is(
    settings: Settings, sandbox: Sandbox, serve: Serve
) -> None:
    async with Stub("ollama") as stub, opened(settings, sandbox, stub, ollama_host=NOBODY) as services:
        await probed(services, "0.32.9", grammar=HELD)
        profiles = {one["profile"]: one for one in (await look(serve, services))["ollama"]["profiles"]}
    assert (profiles["ollama-fast"]["offered"], profiles["ollama-fast"]["freshness"]) == (None, "unchecked")


async def test_the_circuit_of_this_process_is_shown(
    settings: Settings, sandbox: Sandbox, serve: Serve
) -> None:
    async with Stub("ollama") as stub, opened(settings, sandbox, stub) as services:
        for _ in range(FAILURES):
            services.circuits.failed("openai", BackendDown("no answer"))
        found = await look(serve, services)
    assert found["ollama"]["circuit"]["position"] == "closed"
    assert found["openai"]["circuit"]["position"] == "open"
    assert found["openai"]["circuit"]["last_error"] == "no answer"
    assert found["openai"]["circuit"]["next_try_s"] > 0


async def test_with_model_calls_switched_off_nobody_is_asked(
    settings: Settings, sandbox: Sandbox, serve: Serve
) -> None:
    async with Stub("ollama") as stub, opened(settings, sandbox, stub, llm_disabled=True) as services:
        found = await look(serve, services)
    assert {one["condition"] for one in found.values()} == {"not_asked"}
    assert found["ollama"]["models"] == []
