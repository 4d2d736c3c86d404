"""What the limits do to a model call: each attempt has a slot, and what waits is not in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from app.artifacts.registry import schema
from app.db import Database
from app.limits.limits import CallLimits, LimitWaitExceeded
from app.llm.caller import LLMCaller
from app.llm.errors import DeadlineExceeded, LLMError, Overloaded
from app.llm.request import Patience, Reply, Request
from app.llm.types import Answer, Call, CallKey, Profile
from app.services import Services
from app.settings import Settings
from app.tables import CallRate, CallSlot, Priority, PromptUsage
from app.usage.recorder import UsageRecorder
from app.usage.tokens import Tokens
from tests.db.limiting import count, held, limit, process, waiting
from tests.db.scripted import soon

PROFILE = Profile("local", "ollama", "qwen", max_output_tokens=5_000)
GOOD = json.dumps(
    {"title": "T", "goal": "Know it runs", "user_stories": ["As a b, I want c"], "acceptance_criteria": ["d"]}
)


class Looking:
    """A backend that sees, in each attempt, the slots that are taken."""

    name = "ollama"

    def __init__(self, database: Database, *errors: LLMError) -> None:
        self._database = database
        self._errors = list(errors)
        self.seen: list[CallSlot] = []
        self.never = False

    async def answer(self, call: Call) -> Answer:
        async with self._database.transaction() as session:
            self.seen += (await session.scalars(select(CallSlot))).all()
        if self.never:
            await asyncio.Event().wait()
        if self._errors:
            raise self._errors.pop(0)
        return Answer(GOOD, Tokens(input=20, output=10), "a model")

    async def models(self) -> list[str]:
        return ["a model"]

    async def version(self) -> str:
        return ""

    async def close(self) -> None:
        return None


def caller(database: Database, backend: Looking, limits: CallLimits) -> LLMCaller:
    return LLMCaller(
        Settings(_env_file=None),
        {"ollama": backend},
        UsageRecorder(database),
        Patience(attempts=2, backoff_s=0),
        limits=limits,
    )


def request(**values: Any) -> Request:
    async def repair(errors: Sequence[str]) -> str:
        return "; ".join(errors)

    asked: dict[str, Any] = {"role": "pm", "system": "You are the PM", "task": "Write", "key": CallKey()}
    answered = {"schema": schema("EpicDeliverable"), "prompt_digest": "a" * 64, "repair": repair}
    return Request(**{"profile": PROFILE, **asked, **answered, **values})


async def calls_in_ledger(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.execute(select(func.count()).select_from(PromptUsage))).scalar_one()


async def test_every_attempt_has_a_slot_with_its_priority_batch_and_estimate(database: Database) -> None:
    await limit(database, "backend:ollama", max_concurrent=1)
    backend = Looking(database, Overloaded("busy"))
    async with process(database) as limits:
        await soon(caller(database, backend, limits).ask(request(priority=Priority.BATCH, group="b1")))
    first, second = backend.seen
    assert first.id != second.id
    assert (first.backend, first.profile, first.batch) == ("backend:ollama", "profile:local", "b1")
    assert first.priority == Priority.BATCH
    assert first.tokens > PROFILE.max_output_tokens
    assert await count(database) == 0


async def test_a_call_that_waits_has_reserved_nothing_and_its_deadline_has_not_begun(
    database: Database,
) -> None:
    await limit(database, "profile:local", max_concurrent=1)
    backend = Looking(database)
    async with process(database) as limits:
        first = await held(limits, profile="local")
        quick = request(profile=replace(PROFILE, timeout_s=5))
        asking = asyncio.create_task(caller(database, backend, limits).ask(quick))
        other = await waiting(database, limits, profile="local")
        assert (await calls_in_ledger(database), backend.seen) == (0, [])
        await first.end()
        assert isinstance(await soon(asking), Reply)
        await other.end()


async def test_a_call_that_gets_no_slot_is_not_sent_and_not_in_the_ledger(database: Database) -> None:
    await limit(database, "backend:ollama", max_concurrent=1)
    backend = Looking(database)
    async with process(database, wait_s=0.01) as limits:
        first = await held(limits, backend="ollama")
        with pytest.raises(LimitWaitExceeded):
            await soon(caller(database, backend, limits).ask(request()))
        await first.end()
    assert (await calls_in_ledger(database), backend.seen) == (0, [])


async def test_a_call_that_misses_its_deadline_gives_its_slot_back(database: Database) -> None:
    await limit(database, "backend:ollama", max_concurrent=1)
    backend = Looking(database)
    backend.never = True
    async with process(database) as limits:
        with pytest.raises(DeadlineExceeded):
            await soon(
                caller(database, backend, limits).ask(request(profile=replace(PROFILE, timeout_s=0.05)))
            )
    assert (len(backend.seen), await count(database)) == (2, 0)


async def test_what_the_answer_did_not_take_is_given_back_to_the_rate(database: Database) -> None:
    await limit(database, "backend:ollama", tokens_per_minute=1)
    async with process(database) as limits:
        await soon(caller(database, Looking(database), limits).ask(request()))
    async with database.transaction() as session:
        rate = await session.get(CallRate, "backend:ollama")
    assert rate is not None
    assert rate.tokens == 30


async def test_recorded_answers_are_limited_once_there_is_a_row(services: Services) -> None:
    async def asked() -> object:
        recorded = replace(PROFILE, name="recorded", backend="recorded")
        return await soon(services.caller.ask(request(profile=recorded)))

    with pytest.raises(LLMError, match="recording"):
        await asked()
    assert await count(services.database) == 0
    await limit(services.database, "backend:recorded", requests_per_minute=1)
    with pytest.raises(LLMError, match="recording"):
        await asked()
    async with services.database.transaction() as session:
        rate = await session.get(CallRate, "backend:recorded")
    assert rate is not None
    assert rate.requests == 1
