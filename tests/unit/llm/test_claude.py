"""What is peculiar to Claude: key, thinking per model, caching, stop reasons."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.llm.backends.anthropic import AnthropicBackend
from app.llm.backends.claude_thinking import thinking
from app.llm.errors import BackendDown, ContextOverflow, InvalidAnswer, MissingKey
from app.llm.types import Call, Message, Profile, Think
from app.settings import Settings
from tests.stub import Stub
from tests.stub.scenarios import CACHED, Shape

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def profile(model: str = "claude-haiku-5-5", think: Think = "off", **more: Any) -> Profile:
    return Profile("judge", "anthropic", model, think=think, **more)


def call(asked: Profile | None = None, system: str = "Stable words.") -> Call:
    return Call(asked or profile(), system, [Message("user", "Fine?")], "ok", SCHEMA)


def backend_for(url: str, key: str | None = "sk-test") -> AnthropicBackend:
    return AnthropicBackend(Settings(_env_file=None, anthropic_api_key=key, anthropic_base_url=url))  # type: ignore[arg-type]


async def sent(asked: Call) -> dict[str, Any]:
    """The body that reaches the server."""
    async with Stub("anthropic") as stub:
        backend = backend_for(stub.url)
        await backend.answer(asked)
        await backend.close()
        return stub.requests[0].body


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub("anthropic") as running:
        yield running


@pytest.mark.parametrize("key", [None, "", "  ", "sk-ümlaut", "sk-line\nbreak"])
async def test_without_a_usable_key_a_call_names_the_setting_and_sends_nothing(
    stub: Stub, key: str | None
) -> None:
    backend = backend_for(stub.url, key)
    for ask in (backend.answer(call()), backend.models()):
        with pytest.raises(MissingKey, match="WORKBENCH_ANTHROPIC_API_KEY"):
            await ask
    assert stub.requests == []


async def test_the_key_is_sent_as_a_bearer_token_without_the_space_around_it(stub: Stub) -> None:
    backend = backend_for(stub.url, " sk-test\n")
    await backend.answer(call())
    await backend.close()
    assert stub.requests[0].headers["authorization"] == "Bearer sk-test"


async def test_the_system_prompt_is_one_block_that_the_server_may_cache() -> None:
    block = {"type": "text", "text": "Stable words.", "cache_control": {"type": "ephemeral"}}
    assert (await sent(call()))["system"] == [block]
    assert "system" not in await sent(call(system=""))


async def test_an_empty_answer_that_is_asked_again_is_left_out() -> None:
    talk = [Message("user", "Fine?"), Message("assistant", " "), Message("user", "JSON, please.")]
    body = await sent(replace(call(), messages=talk))
    assert [message["content"] for message in body["messages"]] == ["Fine?", "JSON, please."]


async def test_temperature_is_never_sent() -> None:
    assert "temperature" not in json.dumps(await sent(call(profile(temperature=0.2))))


async def test_the_schema_is_sent_as_output_format_and_a_long_answer_needs_no_stream() -> None:
    body = await sent(call(profile(max_output_tokens=100_000)))
    assert body["output_config"]["format"]["schema"] == SCHEMA | {"additionalProperties": False}
    assert body["max_tokens"] == 100_000


@pytest.mark.parametrize(
    ("model", "field", "beside"),
    [
        ("claude-opus-5-5", {"type": "adaptive"}, {"effort": "low"}),
        ("claude-fable-5-1", {"type": "adaptive"}, {"effort": "low"}),
        ("claude-some-7", {"type": "adaptive"}, {"effort": "low"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}, {}),
        ("claude-haiku-5-5", {"type": "disabled"}, {}),
        ("claude-haiku-4-5-20251001", {"type": "disabled"}, {}),
    ],
)
def test_thinking_is_off_or_as_low_as_the_model_allows(model: str, field: Any, beside: Any) -> None:
    assert thinking(profile(model)) == (field, beside)


@pytest.mark.parametrize(
    ("model", "think", "field", "beside"),
    [
        ("claude-opus-5-5", "on", {"type": "adaptive"}, {}),
        ("claude-sonnet-5-5", "high", {"type": "adaptive"}, {"effort": "high"}),
        ("claude-sonnet-4-5-20250929", "low", {"type": "enabled", "budget_tokens": 2_048}, {}),
        ("claude-haiku-4-5", "high", {"type": "enabled", "budget_tokens": 4_096}, {}),
    ],
)
def test_thinking_is_on_in_the_words_of_the_model(model: str, think: Think, field: Any, beside: Any) -> None:
    assert thinking(profile(model, think)) == (field, beside)


def test_thinking_with_a_budget_never_takes_the_room_of_the_answer() -> None:
    assert thinking(profile("claude-haiku-4-5", "on", max_output_tokens=2_000)) == ({"type": "disabled"}, {})


async def test_counts_are_kept_by_the_classes_that_are_billed_apart() -> None:
    async with Stub("anthropic", "cache") as stub:
        backend = backend_for(stub.url)
        answer = await backend.answer(call())
        await backend.close()
    assert answer.tokens == CACHED
    assert answer.request_id == "req_stub"


async def test_thinking_tokens_are_counted_within_the_output() -> None:
    async with Stub("anthropic", "thinking") as stub:
        backend = backend_for(stub.url)
        answer = await backend.answer(call())
        await backend.close()
    assert answer.tokens == stub.bill
    assert 0 < answer.tokens.thinking < answer.tokens.output


async def test_a_full_context_window_keeps_the_bill() -> None:
    async with Stub("anthropic", "context_full") as stub:
        backend = backend_for(stub.url)
        with pytest.raises(ContextOverflow) as caught:
            await backend.answer(call())
        await backend.close()
    assert caught.value.tokens == stub.bill


async def test_a_stop_nobody_asked_for_is_no_answer() -> None:
    async with Stub("anthropic", Shape(stop="pause")) as stub:
        backend = backend_for(stub.url)
        with pytest.raises(InvalidAnswer, match="pause_turn") as caught:
            await backend.answer(call())
        await backend.close()
    assert caught.value.tokens == stub.bill


async def test_a_model_list_that_is_none_is_a_typed_error() -> None:
    async with Stub("anthropic", models="html") as stub:
        backend = backend_for(stub.url)
        with pytest.raises(BackendDown):
            await backend.models()
        await backend.close()
