"""`workbench demo --backend …` over real sockets, each against its stub server."""

from __future__ import annotations

import asyncio

import pytest

from app.seeding.demo import CASSETTE
from tests.e2e.cli.command import Process
from tests.stub.script import entries
from tests.stub.server import Stub
from tests.stub.wires import MODELS

PROFILES = {"anthropic": "claude", "ollama": "ollama-fast", "openai": "lmstudio"}
ADDRESSES = {
    "anthropic": "WORKBENCH_ANTHROPIC_BASE_URL",
    "ollama": "WORKBENCH_OLLAMA_HOST",
    "openai": "WORKBENCH_OPENAI_BASE_URL",
}


@pytest.mark.parametrize("backend", PROFILES)
async def test_the_demo_runs_on_a_model_server(process: Process, backend: str) -> None:
    key = {"WORKBENCH_ANTHROPIC_API_KEY": "sk-test", "WORKBENCH_OLLAMA_PROFILE": "fast"}
    await asyncio.to_thread(process, "models", "set", PROFILES[backend], "--model", MODELS[0])
    async with Stub(backend, script=entries(CASSETTE)) as stub:
        reached = {ADDRESSES[backend]: stub.url} | key
        done = await asyncio.to_thread(process, "demo", "--backend", backend, "--json", **reached)
    assert done.code == 0, done.err
    assert done.json["recorded"] is False
    assert len(stub.requests) == done.json["usage"]["total"]["calls"] == 7
    assert "sk-test" not in done.out + done.err


async def test_a_server_that_is_no_ollama_is_said_with_what_to_check(process: Process) -> None:
    async with Stub("ollama", models="404") as stub:
        demo = ("demo", "--backend", "ollama")
        done = await asyncio.to_thread(process, *demo, WORKBENCH_OLLAMA_HOST=stub.url)
    assert done.code == 1
    assert stub.url in done.err
    assert "WORKBENCH_OLLAMA_HOST" in done.err
    assert "Traceback" not in done.err
    assert stub.requests == []


async def test_a_key_that_is_refused_is_said_without_the_key(process: Process) -> None:
    async with Stub("anthropic", models="401") as stub:
        done = await asyncio.to_thread(
            process,
            "demo",
            "--backend",
            "anthropic",
            WORKBENCH_ANTHROPIC_API_KEY="sk-wrong",
            WORKBENCH_ANTHROPIC_BASE_URL=stub.url,
        )
    assert done.code == 1
    assert "401" in done.err
    assert "check it for typing errors" in done.err
    assert "sk-wrong" not in done.err
