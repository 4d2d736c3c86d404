"""What is peculiar to Ollama: context, thinking, silent truncation, and JSON in the wrong field."""

from __future__ import annotations

from typing import Any

import pytest

from app.llm.backends.ollama import OllamaBackend
from app.llm.errors import BackendDown, ContextOverflow, InvalidAnswer, LLMError, RequestRefused
from app.llm.types import Answer, Call, Message, Profile, Think
from app.settings import Settings
from app.usage.tokens import Tokens
from tests.stub import Stub
from tests.stub.scenarios import Shape
from tests.stub.shapes import OK

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


def call(question: str = "Fine?", model: str = "qwen3:8b", think: Think = "off", **more: Any) -> Call:
    asked = Profile("code", "ollama", model, context_tokens=4_096, max_output_tokens=512, think=think, **more)
    return Call(asked, "", [Message("user", question)], "ok", SCHEMA)


async def ask(asked: Call, *scenarios: str | Shape, **more: Any) -> tuple[Answer, dict[str, Any]]:
    """The answer, and the body that reached the server."""
    async with Stub("ollama", *scenarios, **more) as stub:
        backend = OllamaBackend(Settings(_env_file=None, ollama_host=stub.url))
        try:
            return await backend.answer(asked), stub.requests[0].body
        finally:
            await backend.close()


async def failure(asked: Call, *scenarios: str | Shape) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await ask(asked, *scenarios)
    return caught.value


async def test_context_limits_and_no_silent_cutting_are_always_asked_for() -> None:
    _, body = await ask(call(temperature=0.2))
    assert body["options"] == {"num_ctx": 4_096, "num_predict": 512, "temperature": 0.2}
    assert (body["truncate"], body["shift"], body["stream"]) == (False, False, True)
    assert body["format"]["properties"] == SCHEMA["properties"]


@pytest.mark.parametrize(
    ("model", "think", "sent"),
    [
        ("qwen3:8b", "off", False),
        ("qwen3:8b", "on", True),
        ("qwen3:8b", "high", "high"),
        ("gpt-oss:20b", "off", "low"),
        ("gpt-oss:20b", "on", "medium"),
        ("gpt-oss:20b", "high", "high"),
    ],
)
async def test_thinking_is_always_said_in_words_the_model_knows(
    model: str, think: Think, sent: bool | str
) -> None:
    _, body = await ask(call(model=model, think=think))
    assert body["think"] == sent


async def test_a_model_that_can_not_think_is_refused_with_what_to_set() -> None:
    error = await failure(call(think="on"), "no_thinking")
    assert type(error) is RequestRefused
    assert "set think to off" in error.message


async def test_json_that_landed_in_the_thinking_is_the_answer() -> None:
    answer, _ = await ask(call(), "json_in_thinking")
    assert answer.text == OK


async def test_thinking_without_an_answer_is_an_empty_answer() -> None:
    answer, _ = await ask(call(), Shape(text="", thinking="Hm, let me see."))
    assert answer.text == ""


@pytest.mark.parametrize("words", [5_000, 2_600])
async def test_a_prompt_that_was_cut_in_silence_is_an_overflow(words: int) -> None:
    error = await failure(call("word " * words), "silent_truncation")
    assert type(error) is ContextOverflow
    assert error.tokens == Tokens(input=2_050, output=12)


async def test_a_prompt_that_fills_the_whole_context_is_an_overflow() -> None:
    error = await failure(call("x" * 9_000), Shape(tokens=Tokens(input=4_096, output=1)))
    assert type(error) is ContextOverflow


@pytest.mark.parametrize("read", [2_050, 2_300, 4_000])
async def test_a_prompt_that_was_read_whole_is_no_overflow(read: int) -> None:
    answer, _ = await ask(call("x" * int(read * 3.6)), Shape(tokens=Tokens(input=read, output=1)))
    assert answer.tokens.input == read


async def test_a_model_that_was_only_loaded_gave_no_answer() -> None:
    assert type(await failure(call(), Shape(stop="load"))) is InvalidAnswer


async def test_the_host_needs_no_scheme() -> None:
    async with Stub("ollama") as stub:
        backend = OllamaBackend(Settings(_env_file=None, ollama_host=stub.url.removeprefix("http://")))
        assert (await backend.answer(call())).text == OK
        await backend.close()


async def test_a_password_in_the_address_is_never_shown() -> None:
    backend = OllamaBackend(Settings(_env_file=None, ollama_host="http://me:hidden@127.0.0.1:1"))
    with pytest.raises(BackendDown, match=r"http://127\.0\.0\.1:1") as caught:
        await backend.answer(call())
    await backend.close()
    assert "hidden" not in caught.value.message


async def test_a_model_list_that_is_none_is_a_typed_error() -> None:
    async with Stub("ollama", models="no_content") as stub:
        backend = OllamaBackend(Settings(_env_file=None, ollama_host=stub.url))
        with pytest.raises(BackendDown):
            await backend.models()
        await backend.close()


@pytest.mark.parametrize("fault", ["404", "html", "no_object"])
async def test_a_server_that_is_no_ollama_is_a_typed_error_that_says_what_to_check(fault: str) -> None:
    async with Stub("ollama", "404", models=fault) as stub:
        backend = OllamaBackend(Settings(_env_file=None, ollama_host=stub.url))
        with pytest.raises(LLMError) as listed:
            await backend.models()
        with pytest.raises(LLMError, match="model not found") as asked:
            await backend.answer(call())
        await backend.close()
    assert isinstance(listed.value, BackendDown)
    assert "WORKBENCH_OLLAMA_HOST" in listed.value.message
    assert asked.value.code == "model_not_found"
    assert len(stub.requests) == 1


async def test_an_unknown_model_is_a_typed_error_though_no_list_comes_back() -> None:
    with pytest.raises(LLMError, match="model not found") as caught:
        await ask(call(), "404", models="500")
    assert caught.value.code == "model_not_found"
