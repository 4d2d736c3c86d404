"""`models probe` and `backends`: what a model can do, and which servers answer, over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.e2e.cli.command import Done, Process
from tests.e2e.test_llama_server import llama
from tests.stub import Stub
from tests.stub.shapes import Shape

NUMBER = Shape(text=json.dumps({"value": 42, "parity": "even", "is_prime": False, "fact": "Known."}))
"""Right for one question of the five, and valid JSON for all."""


async def run(process: Process, *arguments: str, **environment: str) -> Done:
    return await asyncio.to_thread(process, *arguments, **environment)


async def test_a_probe_shows_what_holds_and_backends_when_it_is_stale(process: Process) -> None:
    await run(process, "models", "set", "ollama-fast", "--model", "tiny")
    async with Stub("ollama", NUMBER) as stub:
        at = {"WORKBENCH_OLLAMA_HOST": stub.url}
        done = await run(process, "models", "probe", "ollama-fast", **at)
        assert done.code == 0, done.err
        lines = [line.split() for line in done.out.splitlines()]
        assert lines[0] == ["ollama-fast", "tiny", "on", "ollama", "0.32.9"]
        assert lines[1] == [
            "mode",
            "think",
            "valid",
            "schema",
            "enum",
            "right",
            "tok/s",
            "tokens",
            "p50",
            "p95",
        ]
        assert ["grammar", "off", "5/5", "1/5", "1/5", "1/5"] in [line[:6] for line in lines]
        assert "ollama-fast  grammar, think off: call 1 of 30" in done.err
        fresh = await run(process, "backends", **at)
        stub.version = "0.33.0"
        stale = await run(process, "backends", **at)
    assert ["ollama-fast", "tiny", "fresh", "0.32.9,"] in heads(fresh)
    assert ["ollama-fast", "tiny", "stale", "0.32.9,"] in heads(stale)
    assert "models probe ollama-fast" in stale.out


def heads(done: Done) -> list[list[str]]:
    return [line.split()[:4] for line in done.out.splitlines()]


async def test_a_model_that_is_not_there_is_named_with_those_that_are_and_the_next_has_its_turn(
    process: Process,
) -> None:
    missing = Stub("ollama", "404")
    async with missing, Stub("openai", NUMBER) as there:
        done = await run(
            process,
            "models",
            "probe",
            "ollama-code",
            "lmstudio",
            "--json",
            WORKBENCH_OLLAMA_HOST=missing.url,
            WORKBENCH_OPENAI_BASE_URL=there.url,
        )
    assert done.code == 0
    first, second = done.json
    assert (first["profile"], first["error"]["code"]) == ("ollama-code", "model_not_found")
    assert "there are: claude-haiku-5-5, qwen3:8b, tiny" in first["error"]["message"]
    assert first["capabilities"] == []
    assert (second["profile"], second["error"]) == ("lmstudio", None)
    assert {one["asked"] for one in second["capabilities"] if one["mode"] == "grammar"} == {5}


async def test_when_no_server_answers_the_probe_fails_and_says_why(process: Process) -> None:
    done = await run(process, "models", "probe", "--all-local")
    assert done.code == 1
    assert "ollama-code  not probed" in done.out
    assert "lmstudio  not probed" in done.out
    assert "recorded" not in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody",), 1, "no model profile 'nobody'; there are: claude"),
        ((), 2, "at least one profile"),
        (("ollama-fast", "--repeat", "0"), 2, "repeat"),
    ],
)
async def test_what_can_not_be_probed_is_said(
    process: Process, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = await run(process, "models", "probe", *arguments)
    assert done.code == code
    assert words in done.err


async def test_with_model_calls_switched_off_nothing_is_sent(process: Process) -> None:
    async with Stub("ollama") as stub:
        off = {"WORKBENCH_OLLAMA_HOST": stub.url, "WORKBENCH_LLM_DISABLED": "true"}
        probe = await run(process, "models", "probe", "ollama-fast", **off)
        shown = await run(process, "backends", **off)
        assert stub.requests == []
    assert probe.code == 1
    assert "WORKBENCH_LLM_DISABLED" in probe.err
    assert shown.code == 0
    assert "nothing was sent" in shown.out


async def test_a_random_model_keeps_to_a_schema_under_a_grammar_and_never_without(process: Process) -> None:
    """The words of the model mean nothing; what binds them is all that can hold."""
    pytest.importorskip("xllamacpp", reason="the real llama.cpp server needs the package xllamacpp")
    await run(process, "models", "set", "lmstudio", "--model", "tiny", "--context-tokens", "1024")
    async with llama() as url:
        at = {"WORKBENCH_OPENAI_BASE_URL": f"{url}/v1"}
        done = await run(process, "models", "probe", "lmstudio", "--json", **at)
        backends = (await run(process, "backends", "--json", **at)).json
    assert done.code == 0, done.err
    [found] = done.json
    figures = {(one["mode"], one["thinks"]): one for one in found["capabilities"]}
    assert figures["prompt", False]["valid"] == figures["prompt", True]["valid"] == 0
    assert figures["grammar", False]["compliant"] >= 1  # a random number may be too large for JSON
    assert figures["grammar", False]["compliant"] <= figures["grammar", False]["enums"]
    assert found["modes"]["off"][0] == "grammar"
    assert "prompt" not in found["modes"]["off"]
    stored = {one["profile"]: one for one in of(backends, "openai")["profiles"]}["lmstudio"]
    assert (stored["freshness"], stored["modes"]) == ("fresh", found["modes"]["off"])


def of(backends: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in backends if one["name"] == name)
