"""One contract for every backend that speaks to a server, through the real SDKs against the stub."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from app.llm.backends import create_backends
from app.llm.backends.counts import ESTIMATED
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    LLMError,
    ModelNotFound,
    RateLimited,
    Refused,
    RequestRefused,
    SchemaRefused,
    Truncated,
)
from app.llm.parser import LLMResponseParser
from app.llm.types import Backend, Call, Message, Mode, Profile
from app.settings import Settings
from tests.stub import Stub
from tests.stub.shapes import OK, Shape

WIRED = ("anthropic", "ollama", "openai")
KEY = "sk-secret-of-the-test"
SCHEMA = {
    "title": "Verdict",
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["pass", "fail"]},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["verdict"],
    "additionalProperties": False,
}
Start = Callable[..., AbstractAsyncContextManager[tuple[Stub, Backend, Call]]]


def call_to(name: str, **profile: object) -> Call:
    values = {"name": "small", "backend": name, "model": "tiny", "context_tokens": 4_096} | profile
    return Call(
        profile=Profile(**values),  # type: ignore[arg-type]
        system="You judge. Answer with JSON.",
        messages=[Message("user", "Is it fine?")],
        schema_name="Verdict of a judge",
        schema=SCHEMA,
    )


def settings_for(name: str, url: str) -> Settings:
    place = {"anthropic": "anthropic_base_url", "ollama": "ollama_host", "openai": "openai_base_url"}[name]
    return Settings(_env_file=None, anthropic_api_key=KEY, openai_api_key=KEY, **{place: url})  # type: ignore[arg-type]


@pytest.fixture(params=WIRED)
def start(request: pytest.FixtureRequest) -> Start:
    """`async with start("429") as (stub, backend, call)`."""

    @asynccontextmanager
    async def run(*scenarios: str | Shape, **profile: object) -> AsyncIterator[tuple[Stub, Backend, Call]]:
        async with Stub(request.param, *scenarios) as stub:
            backend = create_backends(settings_for(request.param, stub.url))[request.param]
            try:
                yield stub, backend, call_to(request.param, **profile)
            finally:
                await backend.close()

    return run


async def failure(start: Start, scenario: str) -> LLMError:
    """The error that a scenario ends in."""
    async with start(scenario) as (stub, backend, call):
        with pytest.raises(LLMError) as caught:
            await backend.answer(call)
        assert len(stub.requests) == 1, "no backend asks twice"
        assert KEY not in caught.value.message
        return caught.value


async def test_an_answer_carries_text_counts_and_model(start: Start) -> None:
    async with start("ok") as (stub, backend, call):
        answer = await backend.answer(call)
        assert (answer.text, answer.model) == (OK, "tiny")
        assert answer.tokens == stub.bill
        assert answer.weakened == ()


async def test_system_question_schema_and_output_limit_reach_the_server(start: Start) -> None:
    async with start("ok", max_output_tokens=777) as (stub, backend, call):
        await backend.answer(call)
        sent = json.dumps(stub.requests[0].body)
        assert "You judge. Answer with JSON." in sent
        assert "Is it fine?" in sent
        assert '"enum": ["pass", "fail"]' in sent
        assert "777" in sent


async def test_thinking_is_not_part_of_the_text(start: Start) -> None:
    async with start("thinking") as (stub, backend, call):
        answer = await backend.answer(call)
        assert answer.text == OK
        assert answer.tokens.output == stub.bill.output


async def test_total_input_is_what_the_server_bills_with_its_cache(start: Start) -> None:
    async with start("cache") as (stub, backend, call):
        answer = await backend.answer(call)
        assert answer.tokens.total_input == stub.bill.total_input
        assert answer.tokens.output == stub.bill.output


async def test_missing_counts_are_estimated_and_the_answer_says_so(start: Start) -> None:
    async with start("no_usage") as (_, backend, call):
        answer = await backend.answer(call)
        assert ESTIMATED in answer.weakened
        assert answer.tokens.input > 0
        assert answer.tokens.output > 0


async def test_prose_and_empty_text_are_handed_on_for_the_parser_to_judge(start: Start) -> None:
    async with start("prose", "empty") as (_, backend, call):
        assert "All is well" in (await backend.answer(call)).text
        assert (await backend.answer(call)).text == ""


async def test_fenced_json_is_handed_on_and_parses(start: Start) -> None:
    async with start("fenced") as (_, backend, call):
        result = LLMResponseParser().parse((await backend.answer(call)).text)
        assert (result.data, result.strategy) == (json.loads(OK), "fenced")


@pytest.mark.parametrize("scenario", ["401", "403"])
async def test_a_refused_key_is_named_with_the_setting_to_check(start: Start, scenario: str) -> None:
    error = await failure(start, scenario)
    assert type(error) is AuthenticationFailed
    assert "WORKBENCH_" in error.message


@pytest.mark.parametrize(
    ("scenario", "seconds"), [("429", 2.0), ("429-hour", 3600.0), ("429-ms", 0.25), ("429-plain", None)]
)
async def test_a_rate_limit_carries_the_wait_that_the_server_wants(
    start: Start, scenario: str, seconds: float | None
) -> None:
    error = await failure(start, scenario)
    assert type(error) is RateLimited
    assert error.retry_after_s == seconds


async def test_after_a_rate_limit_the_same_backend_answers_again(start: Start) -> None:
    async with start("429", "ok") as (_, backend, call):
        with pytest.raises(RateLimited):
            await backend.answer(call)
        assert (await backend.answer(call)).text == OK


async def test_an_unknown_model_is_answered_with_the_models_that_exist(start: Start) -> None:
    error = await failure(start, "404")
    assert type(error) is ModelNotFound
    assert "'tiny'" in error.message
    assert "qwen3:8b" in error.message


async def test_a_cut_off_answer_is_an_error_that_keeps_the_bill(start: Start) -> None:
    async with start("max_tokens") as (stub, backend, call):
        with pytest.raises(Truncated, match="max_output_tokens") as caught:
            await backend.answer(call)
        assert caught.value.tokens == stub.bill


@pytest.mark.parametrize("name", ["anthropic", "openai"])
async def test_a_refusal_is_an_error_that_keeps_the_bill(name: str) -> None:
    async with Stub(name, "refusal") as stub:
        backend = create_backends(settings_for(name, stub.url))[name]  # type: ignore[index]
        with pytest.raises(Refused, match="it may do harm") as caught:
            await backend.answer(call_to(name))
        await backend.close()
        assert caught.value.tokens == stub.bill


@pytest.mark.parametrize("mode", ["grammar", "tool", "prompt"])
async def test_in_every_mode_the_text_is_the_document(start: Start, mode: Mode) -> None:
    async with start("ok", "unstreamed") as (stub, backend, call):
        for _ in range(2):
            answer = await backend.answer(replace(call, mode=mode))
            assert json.loads(answer.text) == json.loads(OK)
        sent = json.dumps(stub.requests[0].body)
        assert ('"verdict"' in sent) is (mode != "prompt")
        assert ("calling the tool `Verdict_of_a_judge`" in sent) is (mode == "tool")


async def test_a_prompt_that_says_the_schema_weakens_nothing(start: Start) -> None:
    loose = {"type": "object", "properties": {"name": {"type": "string", "pattern": "^x"}}}
    async with start() as (_, backend, call):
        assert (await backend.answer(replace(call, schema=loose))).weakened
        assert (await backend.answer(replace(call, schema=loose, mode="prompt"))).weakened == ()


async def test_text_instead_of_a_call_is_handed_on(start: Start) -> None:
    async with start("prose") as (_, backend, call):
        answer = await backend.answer(replace(call, mode="tool"))
        assert "All is well" in answer.text


async def test_a_schema_that_no_tool_can_have_is_refused_before_it_is_sent(start: Start) -> None:
    async with start() as (stub, backend, call):
        with pytest.raises(SchemaRefused, match="object"):
            await backend.answer(
                replace(call, schema={"type": "array", "items": {"type": "string"}}, mode="tool")
            )
        assert stub.requests == []


async def test_where_no_schema_is_sent_none_can_be_refused(start: Start) -> None:
    async with start("schema_refused") as (_, backend, call):
        with pytest.raises(RequestRefused) as caught:
            await backend.answer(replace(call, mode="prompt"))
        assert type(caught.value) is RequestRefused


@pytest.mark.parametrize("text", ["\x85 \u2028 \u2029 \x0b \x0c \x1e", "Grüße, 你好 🙂"])
async def test_no_character_of_an_answer_breaks_its_stream(start: Start, text: str) -> None:
    async with start(Shape(text=text)) as (_, backend, call):
        assert (await backend.answer(call)).text == text


async def test_thinking_without_a_count_is_estimated_and_marked(start: Start) -> None:
    async with start("ok", "thinking") as (stub, backend, call):
        assert not (await backend.answer(call)).thinking_estimated
        answer = await backend.answer(call)
        assert answer.thinking_estimated is (stub.protocol == "ollama")
        assert 0 < answer.tokens.thinking < answer.tokens.output == stub.bill.output - len(OK) // 4 - 1


async def test_a_stream_that_breaks_off_says_nothing_of_what_had_come(start: Start) -> None:
    for scenario in ("cut", "stream_end", "stream_error", "stream_malformed"):
        error = await failure(start, scenario)
        assert "verdict" not in error.message


async def test_the_cost_of_an_answer_that_broke_off_is_estimated_or_stays_open(start: Start) -> None:
    async with start("stream_error") as (stub, backend, call):
        with pytest.raises(BackendDown) as caught:
            await backend.answer(call)
        assert caught.value.reply_lost is (stub.protocol == "anthropic")
        if stub.protocol != "anthropic":
            assert caught.value.tokens is not None
            assert caught.value.tokens.input > 0


async def test_every_backend_tells_the_version_of_its_server(start: Start) -> None:
    versions = {"anthropic": "2026-10-21", "ollama": "0.32.9", "openai": "b11549-stub"}
    async with start() as (stub, backend, _):
        assert await backend.version() == versions[stub.protocol]


async def test_the_version_of_a_server_that_is_down_is_a_typed_error(start: Start) -> None:
    async with start() as (stub, backend, _):
        await stub.__aexit__(None, None, None)
        with pytest.raises(BackendDown):
            await backend.version()


async def test_a_dripping_server_is_left_when_the_callers_deadline_passes(start: Start) -> None:
    async with start("drip") as (stub, backend, call):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await backend.answer(call)
        await stub.hung_up.wait()


async def test_a_server_that_is_not_there_is_named_with_what_to_check(start: Start) -> None:
    async with start("ok") as (stub, backend, call):
        url = stub.url
        await stub.__aexit__(None, None, None)
        with pytest.raises(BackendDown, match="WORKBENCH_") as caught:
            await backend.answer(call)
        assert url in caught.value.message


async def test_a_prompt_that_is_no_unicode_is_refused_before_it_is_sent(start: Start) -> None:
    async with start("ok") as (stub, backend, call):
        with pytest.raises(RequestRefused, match="surrogate"):
            await backend.answer(replace(call, messages=[Message("user", "\ud800")]))
        assert stub.requests == []


@pytest.mark.parametrize("name", WIRED)
@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999", "http://x:0"]
)
async def test_an_address_that_is_none_is_a_clear_error(name: str, url: str) -> None:
    backend = create_backends(settings_for(name, url))[name]  # type: ignore[index]
    with pytest.raises(BackendDown, match="is no http:// or https:// address") as caught:
        await backend.answer(call_to(name))
    assert "WORKBENCH_" in caught.value.message
    assert not caught.value.reply_lost


async def test_nothing_of_the_environment_is_sent(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "OPENAI_ORG_ID",
        "OLLAMA_API_KEY",
    ):
        monkeypatch.setenv(name, "leaked")
    for name in ("ANTHROPIC_CUSTOM_HEADERS", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "X-Extra: leaked")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with start("ok") as (stub, backend, call):
        await backend.answer(call)
        assert "leaked" not in json.dumps(stub.requests[0].headers)


async def test_models_lists_what_the_server_offers(start: Start) -> None:
    async with start() as (_, backend, _):
        assert "claude-haiku-5-5" in await backend.models()


async def test_models_of_a_server_that_is_down_is_a_typed_error(start: Start) -> None:
    async with start() as (stub, backend, _):
        await stub.__aexit__(None, None, None)
        with pytest.raises(BackendDown):
            await backend.models()


async def test_twenty_calls_at_once_each_get_their_answer(start: Start) -> None:
    async with start("ok") as (stub, backend, call):
        answers = await asyncio.gather(*(backend.answer(call) for _ in range(20)))
        assert [answer.text for answer in answers] == [OK] * 20
        assert len(stub.requests) == 20


async def test_a_port_that_speaks_no_http_is_a_typed_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in WIRED:
        backend = create_backends(settings_for(name, url))[name]  # type: ignore[index]
        with pytest.raises(BackendDown):
            await backend.answer(call_to(name))
        await backend.close()
