"""The response cache in a model call: what a hit sends, costs and says, and when it is no hit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.db import Database
from app.errors import SchemaMismatch
from app.llm.cache import ResponseCache
from app.llm.errors import BackendDown
from app.llm.health import FAILURES, Circuits
from app.llm.request import NotAccepted
from app.llm.types import CallKey, Profile
from app.tables import Budget
from app.usage.budget import Allowance, Defaults
from app.usage.tokens import Tokens
from tests.db.asking import BAD, EPIC, GOOD, PROFILE, Answering, Asking, request
from tests.db.scripted import Engine, Scripted, open_engine

CACHED: dict[str, Any] = {"cache": True}
BETTER = {**EPIC, "goal": "Another goal"}


@pytest.fixture
def cache(database: Database) -> ResponseCache:
    return ResponseCache(database, timedelta(hours=1), 1_000_000)


def asking(database: Database, cache: ResponseCache, *backends: Answering, **options: Any) -> Asking:
    return Asking(database, *backends, parts={"cache": cache}, **options)


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    async with open_engine(database) as opened:
        yield opened


async def of_run(engine: Engine, **key: Any) -> dict[str, Any]:
    """A request of a run of its own that takes answers from the cache."""
    engine.kinds.clear()
    run = await engine.create(Scripted())
    return {**CACHED, "pipeline_id": run.id, "key": CallKey(epic="An epic", phase="pm", **key)}


class Newer:
    """The same schema, judged by newer code: it takes one goal only."""

    name = "EpicDeliverable"

    def json_schema(self) -> dict[str, Any]:
        return request().schema.json_schema()

    def validate(self, data: Any) -> Any:
        if data["goal"] != BETTER["goal"]:
            raise SchemaMismatch(["goal: it is not good enough"])
        return request().schema.validate(data)


async def only_better(data: Any) -> None:
    if data != BETTER:
        raise NotAccepted(["it can not be used any more"])


async def test_the_very_same_question_sends_nothing_and_costs_nothing(
    database: Database, cache: ResponseCache
) -> None:
    local = Answering(GOOD)
    asked = asking(database, cache, local)
    await asked.ask(request(**CACHED))
    reply = await asked.ask(request(**CACHED))
    assert (reply.data, reply.calls, reply.cost_usd, reply.tokens) == (EPIC, 0, Decimal(0), Tokens())
    assert (reply.model, reply.profile, len(local.calls)) == ("a model", "local", 1)
    paid, hit = await asked.ledger()
    assert (hit.outcome, hit.cached_from, hit.cost_usd) == ("ok", paid.id, Decimal(0))
    assert (hit.input_tokens, hit.output_tokens, hit.reserved_tokens) == (0, 0, 0)


@pytest.mark.parametrize(
    "other", [{"task": "Another epic"}, {"system": "Another PM"}, {"profile": replace(PROFILE, think="on")}]
)
async def test_another_question_is_sent(
    database: Database, cache: ResponseCache, other: dict[str, Any]
) -> None:
    asked = asking(database, cache, Answering(GOOD, GOOD))
    await asked.ask(request(**CACHED))
    assert (await asked.ask(request(**CACHED, **other))).calls == 1


async def test_who_does_not_say_cache_neither_takes_nor_leaves_an_answer(
    database: Database, cache: ResponseCache
) -> None:
    asked = asking(database, cache, Answering(*[GOOD] * 3))
    await asked.ask(request())
    assert [(await asked.ask(request(cache=cached))).calls for cached in (True, False)] == [1, 1]


async def test_an_answer_that_was_asked_again_is_kept_under_its_whole_conversation(
    database: Database, cache: ResponseCache
) -> None:
    asked = asking(database, cache, Answering(BAD, GOOD, BAD))
    await asked.ask(request(**CACHED))
    reply = await asked.ask(request(**CACHED))
    assert (reply.data, reply.calls) == (EPIC, 1)
    assert [row.cached_from is None for row in await asked.ledger()] == [True, True, True, False]


async def test_an_answer_that_the_schema_takes_no_longer_is_forgotten_and_asked_anew(
    database: Database, cache: ResponseCache
) -> None:
    asked = asking(database, cache, Answering(GOOD, json.dumps(BETTER)))
    await asked.ask(request(**CACHED))
    newer = request(**CACHED, schema=Newer())
    reply = await asked.ask(newer)
    assert (reply.data, reply.calls) == (BETTER, 1)
    assert (await asked.ask(newer)).calls == 0
    assert [row.cached_from for row in await asked.ledger()] == [None, None, 2]


@pytest.mark.parametrize("in_a_run", [True, False])
async def test_an_answer_that_can_not_be_used_any_more_is_forgotten_and_asked_anew(
    engine: Engine, cache: ResponseCache, in_a_run: bool
) -> None:
    local = Answering(GOOD, json.dumps(BETTER))
    asked = asking(engine.database, cache, local)
    await asked.ask(request(**CACHED))
    values = await of_run(engine) if in_a_run else CACHED
    reply = await asked.ask(request(**values, accept=only_better))
    assert (reply.data, reply.calls) == (BETTER, 1)
    assert [len(call.messages) for call in local.calls] == [1, 1]  # it never heard of the old answer
    assert (await asked.ask(request(**CACHED))).data == BETTER


async def test_a_resumed_run_has_the_answer_of_its_hit_when_the_cache_has_it_no_more(
    engine: Engine, cache: ResponseCache
) -> None:
    asked = asking(engine.database, cache, Answering(GOOD, json.dumps(BETTER)))
    await asked.ask(request(**CACHED))
    run = await of_run(engine)
    assert (await asked.ask(request(**run))).calls == 0
    await cache.clear()
    assert (await asked.ask(request(**CACHED))).data == BETTER  # that is what the cache has now
    resumed = await asked.ask(request(**run))
    assert (resumed.data, resumed.calls) == (EPIC, 0)
    assert len(await asked.ledger()) == 3


async def test_what_a_gate_sent_back_is_forgotten_for_everybody(engine: Engine, cache: ResponseCache) -> None:
    asked = asking(engine.database, cache, Answering(*[GOOD] * 2))
    await asked.ask(request(**CACHED))
    run = await of_run(engine)
    assert (await asked.ask(request(**run))).calls == 0
    await asked.caller.forget(run["pipeline_id"], "pm")
    assert (await asked.ask(request(**CACHED))).calls == 1


async def test_recorded_answers_are_never_kept(database: Database, cache: ResponseCache) -> None:
    asked = asking(database, cache, Answering(GOOD, GOOD, name="recorded"))
    recorded = request(**CACHED, profile=Profile("recorded", "recorded", "recorded"))
    assert [(await asked.ask(recorded)).calls for _ in range(2)] == [1, 1]


async def test_a_hit_is_given_where_no_budget_is_left_and_takes_nothing_of_it(
    database: Database, cache: ResponseCache
) -> None:
    await asking(database, cache, Answering(GOOD)).ask(request(**CACHED))
    nothing = Defaults(day=Allowance(tokens=0))
    assert (await asking(database, cache, budgets=nothing).ask(request(**CACHED))).calls == 0
    async with database.transaction() as session:
        day = (await session.scalars(select(Budget))).one_or_none()
    assert day is None or (day.spent_tokens, day.reserved_tokens) == (0, 0)


async def test_an_answer_of_a_server_that_is_left_alone_is_still_given(
    database: Database, cache: ResponseCache
) -> None:
    circuits = Circuits()
    asked = Asking(database, Answering(GOOD), parts={"cache": cache, "circuits": circuits})
    await asked.ask(request(**CACHED))
    for _ in range(FAILURES):
        circuits.failed("ollama", BackendDown("gone"))
    assert (await asked.ask(request(**CACHED))).calls == 0
