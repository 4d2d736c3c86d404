"""The circuit breaker in model calls: a server that fails is left alone, and the cascade goes on at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.db import Database
from app.llm.errors import BackendDown, LLMError, RateLimited, RequestRefused
from app.llm.health import FAILURES, FIRST_PAUSE_S, CircuitOpen, Circuits
from app.llm.request import ANY_FAILURE, Cascade, CascadeStep
from app.llm.types import Profile
from tests.db.asking import GOOD, Answering, Asking, Clock, request
from tests.db.limiting import count, held, limit, process
from tests.db.scripted import LIMIT_S

OTHER = Profile("other", "openai", "qwen")
THEN_OTHER = Cascade(steps=(CascadeStep(OTHER, ANY_FAILURE),))
DOWN = BackendDown("no connection")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuits(clock: Clock) -> Circuits:
    return Circuits(clock)


def asking(database: Database, circuits: Circuits, *backends: Answering, **parts: Any) -> Asking:
    return Asking(database, *backends, parts={"circuits": circuits, **parts})


async def fail(asked: Asking, times: int, **values: Any) -> list[str]:
    """The codes of so many questions that get no answer."""
    codes = []
    for _ in range(times):
        with pytest.raises(LLMError) as failed:
            await asked.ask(request(**values))
        codes.append(failed.value.code)
    return codes


async def test_after_five_faults_in_a_row_nothing_is_sent_any_more(
    database: Database, circuits: Circuits
) -> None:
    local = Answering(*[DOWN] * FAILURES)
    asked = asking(database, circuits, local)
    assert await fail(asked, 3) == ["backend_down"] * 3
    assert len(local.calls) == FAILURES
    assert await asked.outcomes() == ["backend_down"] * FAILURES  # what is not sent is not in the ledger
    with pytest.raises(CircuitOpen, match="left alone: it has failed 5 times in a row") as left_alone:
        await asked.ask(request())
    assert left_alone.value.retry_after_s == FIRST_PAUSE_S


async def test_the_next_step_of_a_cascade_is_asked_at_once(database: Database, circuits: Circuits) -> None:
    local, other = Answering(*[DOWN] * FAILURES), Answering(GOOD, GOOD, name="openai")
    asked = asking(database, circuits, local, other)
    await fail(asked, 2)
    reply = await asked.ask(request(cascade=THEN_OTHER))
    assert (reply.profile, reply.reason, reply.calls) == ("other", "backend_down", 1)
    assert (len(local.calls), circuits.state("openai").position) == (FAILURES, "closed")


async def test_one_call_tries_after_the_pause_and_an_answer_ends_it(
    database: Database, circuits: Circuits, clock: Clock
) -> None:
    local = Answering(*[DOWN] * (FAILURES + 1), GOOD, GOOD)
    asked = asking(database, circuits, local)
    await fail(asked, 2)
    clock.now = FIRST_PAUSE_S
    await fail(asked, 1)
    assert len(local.calls) == FAILURES + 1
    clock.now += 2 * FIRST_PAUSE_S
    assert [(await asked.ask(request())).calls for _ in range(2)] == [1, 1]
    assert circuits.state("ollama").position == "closed"


@pytest.mark.parametrize("answer", [RequestRefused("400"), RateLimited("429", retry_after_s=3600)])
async def test_a_refusal_is_an_answer_of_a_server_that_works(
    database: Database, circuits: Circuits, answer: LLMError
) -> None:
    local = Answering(*[answer] * (FAILURES + 1))
    assert await fail(asking(database, circuits, local), FAILURES + 1) == [answer.code] * (FAILURES + 1)
    assert circuits.state("ollama").position == "closed"


async def test_a_call_that_waited_for_its_turn_does_not_go_to_a_server_that_failed_meanwhile(
    database: Database, circuits: Circuits
) -> None:
    local = Answering()
    await limit(database, "backend:ollama", max_concurrent=1)
    async with process(database) as limits:
        before = await held(limits, backend="ollama")
        asked = asyncio.create_task(asking(database, circuits, local, limits=limits).ask(request()))
        async with asyncio.timeout(LIMIT_S):
            while not await count(database, "granted_at IS NULL"):  # noqa: ASYNC110 - a row sets no event
                await asyncio.sleep(0.005)
        for _ in range(FAILURES):
            circuits.failed("ollama", DOWN)
        await before.end()
        with pytest.raises(CircuitOpen):
            await asked
    assert local.calls == []


async def test_a_call_of_a_server_that_is_left_alone_waits_for_no_turn(
    database: Database, circuits: Circuits
) -> None:
    await limit(database, "backend:ollama", max_concurrent=1)
    for _ in range(FAILURES):
        circuits.failed("ollama", DOWN)
    async with process(database) as limits:
        before = await held(limits, backend="ollama")
        with pytest.raises(CircuitOpen):
            await asking(database, circuits, Answering(), limits=limits).ask(request())
        await before.end()
