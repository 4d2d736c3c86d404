"""Everything a model call goes through, against a real llama.cpp server on a model of random weights."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from app.artifacts.rows import row_schema
from app.db import Database
from app.llm.backends import create_backends
from app.llm.caller import LLMCaller
from app.llm.errors import ContextOverflow, InvalidAnswer, Truncated
from app.llm.request import Patience, Reply, Request
from app.llm.types import CallKey, Profile
from app.settings import Settings
from app.tables import PromptUsage
from app.usage.recorder import UsageRecorder
from tests.tiny_llama.process import llama

pytest.importorskip("xllamacpp", reason="the real llama.cpp server needs the package xllamacpp")

ANSWERS = 500
AT_ONCE = 8
TINY = Profile("tiny", "openai", "tiny", context_tokens=1_024, max_output_tokens=300, temperature=0.7)
VERDICT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "verdict": {"enum": ["pass", "fail"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 99},
        "open": {"type": "boolean"},
        "word": {"type": "string", "maxLength": 8},
    },
    "required": ["verdict", "score", "open", "word"],
}


def request(number: int, **values: Any) -> Request:
    async def repair(errors: Sequence[str]) -> str:
        return "Mend this: " + "; ".join(errors)

    return Request(
        **{
            "profile": TINY,
            "role": "judge",
            "system": "You judge.",
            "task": f"Judge number {number}.",
            "schema": row_schema("verdict", VERDICT),
            "key": CallKey(phase="judge", item=str(number)),
            "prompt_digest": "a" * 64,
            "repair": repair,
            **values,
        }
    )


@pytest.fixture
async def caller(database: Database) -> Any:
    async with llama() as url:
        backends = create_backends(Settings(_env_file=None, openai_base_url=f"{url}/v1"))
        yield LLMCaller(
            Settings(_env_file=None), backends, UsageRecorder(database), Patience(attempts=3, backoff_s=0)
        )
        await backends["openai"].close()


async def test_five_hundred_answers_eight_at_once_are_valid_and_every_token_is_in_the_ledger(
    caller: LLMCaller, database: Database
) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> Reply:
        async with places:
            return await caller.ask(request(number))

    replies = await asyncio.gather(*(ask(number) for number in range(ANSWERS)))

    assert len(replies) == ANSWERS
    for reply in replies:
        row_schema("verdict", VERDICT).validate(reply.data)
    async with database.transaction() as session:
        outcomes = Counter(await session.scalars(select(PromptUsage.outcome)))
        modes = set(await session.scalars(select(PromptUsage.mode)))
        sums = (
            await session.execute(
                select(func.sum(PromptUsage.input_tokens + PromptUsage.cache_read_tokens),
                       func.sum(PromptUsage.output_tokens), func.sum(PromptUsage.cost_usd))
            )
        ).one()  # fmt: skip
    assert outcomes["ok"] == ANSWERS
    assert outcomes.keys() <= {"ok", "invalid_answer"}, (
        "half a character is asked again; nothing else goes wrong"
    )
    assert modes == {"grammar"}
    spent = [reply.tokens for reply in replies]
    assert sums == (sum(one.total_input for one in spent), sum(one.output for one in spent), 0)


async def test_a_real_server_that_cuts_an_answer_is_asked_for_a_longer_one_once(
    caller: LLMCaller, database: Database
) -> None:
    short = Profile("tiny", "openai", "tiny", context_tokens=1_024, max_output_tokens=3)
    with pytest.raises(Truncated):
        await caller.ask(request(0, profile=short))
    async with database.transaction() as session:
        rows = (await session.scalars(select(PromptUsage).order_by(PromptUsage.id))).all()
    assert [(row.outcome, row.output_tokens) for row in rows] == [("truncated", 3), ("truncated", 6)]


async def test_what_the_grammar_lets_through_and_the_full_schema_refuses_is_asked_again_and_then_given_up(
    caller: LLMCaller, database: Database
) -> None:
    nothing_fits = {"type": "object", "properties": {}, "additionalProperties": False, "required": ["never"]}
    with pytest.raises(InvalidAnswer, match="after 3 answers"):
        await caller.ask(request(0, schema=row_schema("nothing", nothing_fits)))
    async with database.transaction() as session:
        steps = (await session.scalars(select(PromptUsage.step).order_by(PromptUsage.id))).all()
    assert steps == [0, 1, 2]


async def test_a_prompt_that_does_not_fit_the_real_context_is_never_sent(
    caller: LLMCaller, database: Database
) -> None:
    with pytest.raises(ContextOverflow):
        await caller.ask(request(0, task="word " * 1_500))
    async with database.transaction() as session:
        assert (await session.scalars(select(PromptUsage))).all() == []
