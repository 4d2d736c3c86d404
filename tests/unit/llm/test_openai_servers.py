"""What is peculiar to OpenAI-compatible servers: reasoning, formats, and their own ways to fail."""

from __future__ import annotations

from typing import Any

import pytest

from app.llm.backends.openai import OpenAIBackend
from app.llm.backends.openai_request import request_body
from app.llm.errors import BackendDown, InvalidAnswer, LLMError, Refused
from app.llm.types import Answer, Call, Message, Profile, Think
from app.settings import Settings
from tests.stub import Stub
from tests.stub.scenarios import CACHED, Shape
from tests.stub.shapes import OK

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


def call(think: Think = "off", schema_name: str = "Answer", **more: Any) -> Call:
    return Call(
        Profile("local", "openai", "tiny", think=think, **more),
        "",
        [Message("user", "?")],
        schema_name,
        SCHEMA,
    )


async def ask(asked: Call, *scenarios: str | Shape) -> tuple[Answer, dict[str, Any]]:
    async with Stub("openai", *scenarios) as stub:
        backend = OpenAIBackend(Settings(_env_file=None, openai_base_url=stub.url))
        try:
            return await backend.answer(asked), stub.requests[0].body
        finally:
            await backend.close()


async def failure(scenario: str | Shape) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await ask(call(), scenario)
    return caught.value


@pytest.mark.parametrize(
    ("think", "effort", "enabled"), [("off", "none", False), ("on", "medium", True), ("high", "high", True)]
)
async def test_reasoning_is_always_said_in_both_ways_local_servers_read(
    think: Think, effort: str, enabled: bool
) -> None:
    _, body = await ask(call(think))
    assert body["reasoning_effort"] == effort
    assert body["chat_template_kwargs"] == {"enable_thinking": enabled}


def test_a_field_that_openai_itself_does_not_know_is_not_sent_there() -> None:
    assert "extra_body" in request_body(call(), {}, local=True)
    assert "extra_body" not in request_body(call(), {}, local=False)


@pytest.mark.parametrize(("name", "sent"), [("a name: long" * 9, 64), ("", 6)])
async def test_the_schema_is_strict_and_its_name_fits_the_server(name: str, sent: int) -> None:
    _, body = await ask(call(schema_name=name, temperature=0.1))
    form = body["response_format"]["json_schema"]
    assert (len(form["name"]), form["strict"], body["temperature"]) == (sent, True, 0.1)
    assert form["schema"]["additionalProperties"] is False


async def test_cached_tokens_are_counted_apart() -> None:
    answer, _ = await ask(call(), "cache")
    assert (answer.tokens.input, answer.tokens.cache_read) == (
        CACHED.input + CACHED.cache_write,
        CACHED.cache_read,
    )


async def test_json_that_landed_in_the_reasoning_is_the_answer() -> None:
    answer, _ = await ask(call(), "json_in_thinking")
    assert answer.text == OK


async def test_output_that_the_server_could_not_read_is_a_bad_answer_and_no_bad_server() -> None:
    error = await failure("peg")
    assert type(error) is InvalidAnswer
    assert "peg" in error.errors[0]


async def test_a_wrong_base_url_is_a_clear_error() -> None:
    error = await failure("error_200")
    assert type(error) is BackendDown
    assert "Unexpected endpoint" in error.message
    assert "/v1" in error.message


async def test_a_content_filter_is_a_refusal() -> None:
    assert type(await failure(Shape(stop="filter"))) is Refused


async def test_a_stop_nobody_asked_for_is_no_answer() -> None:
    assert type(await failure(Shape(stop="load"))) is InvalidAnswer


async def test_without_a_key_a_placeholder_is_sent() -> None:
    async with Stub("openai") as stub:
        backend = OpenAIBackend(Settings(_env_file=None, openai_base_url=stub.url))
        await backend.answer(call())
        await backend.close()
        assert stub.requests[0].headers["authorization"] == "Bearer none"


async def test_a_model_list_that_is_none_is_a_typed_error() -> None:
    async with Stub("openai", models="html") as stub:
        backend = OpenAIBackend(Settings(_env_file=None, openai_base_url=stub.url))
        with pytest.raises(BackendDown):
            await backend.models()
        await backend.close()
