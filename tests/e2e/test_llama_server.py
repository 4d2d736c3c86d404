"""The openai backend against a real llama.cpp server: protocol, grammar, counts, limits, concurrency."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.artifacts.rows import row_schema
from app.llm.backends import create_backends
from app.llm.errors import ContextOverflow, InvalidAnswer, RequestRefused, Truncated
from app.llm.parser import LLMResponseParser
from app.llm.types import Answer, Backend, BackendName, Call, Message, Mode, Profile
from app.settings import Settings
from tests.tiny_llama.process import llama

pytest.importorskip("xllamacpp", reason="the real llama.cpp server needs the package xllamacpp")

FINDINGS = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["pass", "fail"]},
        "score": {"type": "integer"},
        "finding": {"$ref": "#/$defs/Finding"},
    },
    "required": ["verdict", "score", "finding"],
    "$defs": {
        "Finding": {
            "type": "object",
            "properties": {"open": {"type": "boolean"}, "word": {"type": "string", "maxLength": 8}},
            "required": ["open", "word"],
        }
    },
}


@pytest.fixture(scope="module")
async def backends() -> AsyncIterator[dict[BackendName, Backend]]:
    async with llama() as url:
        made = create_backends(
            Settings(
                _env_file=None,
                openai_base_url=f"{url}/v1",
                anthropic_base_url=url,
                anthropic_api_key="none",  # type: ignore[arg-type]
            )
        )
        yield made
        for backend in made.values():
            await backend.close()


@pytest.fixture
def backend(backends: dict[BackendName, Backend]) -> Backend:
    return backends["openai"]


def call(question: str, schema: dict[str, Any] = FINDINGS, limit: int = 600) -> Call:
    profile = Profile(
        "tiny", "openai", "tiny", context_tokens=1_024, max_output_tokens=limit, temperature=0.7
    )
    return Call(profile, "You judge.", [Message("user", question)], "findings", schema)


async def document(backend: Backend, asked: Call) -> tuple[dict[str, Any], Answer]:
    """The answer, read; asked again, as the product does, when dice have written half a character."""
    while True:
        answer = await backend.answer(asked)
        assert answer.tokens.total_input > 0
        assert answer.tokens.output > 0
        try:
            return LLMResponseParser().parse(answer.text).data, answer
        except InvalidAnswer as invalid:
            if "surrogate" not in " ".join(invalid.errors):
                raise


async def test_twenty_answers_four_at_once_all_fit_the_schema(backend: Backend) -> None:
    four = asyncio.Semaphore(4)

    async def ask(number: int) -> dict[str, Any]:
        async with four:
            found, _ = await document(backend, call(f"Judge number {number}."))
            return found

    for found in await asyncio.gather(*(ask(number) for number in range(20))):
        assert set(found) == {"verdict", "score", "finding"}
        assert found["verdict"] in ("pass", "fail")
        assert type(found["score"]) is int
        assert type(found["finding"]["open"]) is bool


async def test_a_real_server_cuts_at_the_limit_and_the_bill_is_kept(backend: Backend) -> None:
    with pytest.raises(Truncated) as caught:
        await backend.answer(call("Judge.", limit=5))
    assert caught.value.tokens is not None
    assert caught.value.tokens.output == 5


async def test_a_real_server_says_when_the_prompt_does_not_fit(backend: Backend) -> None:
    with pytest.raises(ContextOverflow):
        await backend.answer(call("word " * 1_500))


async def test_schema_features_the_dialect_drops_do_not_disturb_a_real_server(backend: Backend) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^(?=x)", "default": "x", "contentEncoding": "base64"},
            "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
            "maybe": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]},
        },
        "required": ["name"],
        "patternProperties": {"^x-": {}},
    }
    found, answer = await document(backend, call("Name it.", schema))
    assert {"name"} <= found.keys() <= {"name", "kind", "maybe"}
    assert any("pattern" in line for line in answer.weakened)


RULES = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "format": "date"},
        "code": {"type": "string", "pattern": "^[A-C]{2}-(x|y)+[0-9]?$"},
        "word": {"type": "string", "minLength": 2, "maxLength": 5},
        "score": {"type": "integer", "exclusiveMinimum": 2, "maximum": 17},
        "flags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "maybe": {"type": ["integer", "null"]},
    },
    "required": ["day", "code", "word", "score", "flags"],
    "additionalProperties": False,
}


async def test_a_real_server_enforces_every_rule_that_its_dialect_sends(backend: Backend) -> None:
    judge = row_schema("rules", RULES)
    for number in range(10):
        answer = await backend.answer(call(f"Follow the rules, {number}.", RULES))
        assert answer.weakened == ()
        # a model of noise writes halves of characters as escapes; each counts as one character
        found = judge.validate(json.loads(re.sub(r"\\u[0-9a-fA-F]{4}", "x", answer.text)))
        assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", found["day"])


async def test_a_recursive_schema_is_refused_before_it_is_sent(backend: Backend) -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    with pytest.raises(RequestRefused, match="refers to itself"):
        await backend.answer(call("Grow.", tree))


@pytest.mark.parametrize("mode", ["tool", "prompt"])
async def test_a_real_server_whose_model_knows_no_tools_answers_with_text(
    backend: Backend, mode: Mode
) -> None:
    """Its template has no place for tools: they are ignored. Dice may also fill the limit."""
    with contextlib.suppress(Truncated):
        answer = await backend.answer(replace(call("Judge."), mode=mode))
        assert answer.tokens.output > 0
        assert answer.weakened == () or mode == "tool"


async def test_a_real_server_tells_what_it_was_built_from(backend: Backend) -> None:
    assert await backend.version()


async def test_a_real_server_names_its_model(backend: Backend) -> None:
    assert await backend.models() == ["tiny"]


async def test_a_real_server_that_ignores_the_schema_is_told_apart_by_the_parser(
    backends: dict[BackendName, Backend],
) -> None:
    answer = await backends["anthropic"].answer(call("Judge.", limit=4_000))
    assert answer.tokens.output > 0
    with contextlib.suppress(InvalidAnswer):
        assert LLMResponseParser().parse(answer.text).data == {}
