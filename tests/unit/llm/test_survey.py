"""Which servers are up: each says so itself, over real sockets, and none can hold up the others."""

from __future__ import annotations

import socket

import pytest

from app.llm.backends import create_backends
from app.llm.survey import Answered, server_version, survey
from app.llm.types import Answer, Call
from app.settings import Settings
from tests.stub import Stub
from tests.stub.wires import MODELS


async def look(*names: str, **given: object) -> dict[str, Answered]:
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type]
    made = create_backends(settings)
    try:
        found = await survey(settings, {name: made[name] for name in names})
    finally:
        for backend in made.values():
            await backend.close()
    return {one.backend: one for one in found}


async def test_a_server_that_answers_says_its_version_and_its_models() -> None:
    async with Stub("ollama") as stub:
        found = (await look("ollama", ollama_host=stub.url))["ollama"]
    assert (found.condition, found.version, found.models) == ("up", "0.32.9", sorted(MODELS))
    assert found.latency_ms is not None
    assert stub.requests == [], "no model is asked"


async def test_a_backend_without_its_key_names_the_setting() -> None:
    found = (await look("anthropic"))["anthropic"]
    assert (found.condition, found.missing) == ("not_configured", "WORKBENCH_ANTHROPIC_API_KEY")
    assert found.missing in (found.problem or "")


async def test_a_server_that_is_down_hides_nothing_of_the_others() -> None:
    async with Stub("openai") as up, Stub("anthropic", models="500") as broken:
        found = await look(
            "ollama",
            "openai",
            "anthropic",
            ollama_host="http://127.0.0.1:9",
            openai_base_url=up.url,
            anthropic_base_url=broken.url,
            anthropic_api_key="sk-secret-of-the-test",
        )
    assert {name: one.condition for name, one in found.items()} == {
        "ollama": "down",
        "openai": "up",
        "anthropic": "down",
    }
    assert found["ollama"].code == found["anthropic"].code == "backend_down"
    assert "sk-secret" not in repr(found)


async def test_a_server_that_never_answers_is_down_after_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(_env_file=None, ollama_host=f"http://127.0.0.1:{silent.getsockname()[1]}")
        backends = create_backends(settings)
        found = await survey(settings, {"ollama": backends["ollama"]}, within_s=0.2)
        await backends["ollama"].close()
    assert (found[0].condition, found[0].code) == ("down", "deadline_exceeded")
    assert "within 0.2 s" in (found[0].problem or "")


async def test_with_model_calls_switched_off_nobody_is_asked() -> None:
    async with Stub("ollama", models="500") as stub:
        found = (await look("ollama", "anthropic", llm_disabled=True, ollama_host=stub.url)).values()
    assert {(one.condition, one.code) for one in found} == {("not_asked", "llm_disabled")}
    assert all("WORKBENCH_LLM_DISABLED" in (one.problem or "") for one in found)


class Odd:
    """A backend of another package that keeps to nothing."""

    name = "odd"

    async def answer(self, call: Call) -> Answer:
        raise NotImplementedError

    async def models(self) -> list[str]:
        raise ZeroDivisionError("odd")

    async def version(self) -> str:
        return "  "

    async def close(self) -> None:
        return None


async def test_a_broken_backend_is_down_and_no_more() -> None:
    [found] = await survey(Settings(_env_file=None), {"odd": Odd()})
    assert (found.condition, found.code, found.problem) == ("down", "internal", "ZeroDivisionError: odd")


@pytest.mark.parametrize("version", ["0.33.0", "b11549"])
async def test_a_version_is_what_the_server_says(version: str) -> None:
    async with Stub("ollama") as stub:
        stub.version = version
        backend = create_backends(Settings(_env_file=None, ollama_host=stub.url))["ollama"]
        assert await server_version(backend) == version
        await backend.close()
    assert await server_version(Odd()) == "unknown"
