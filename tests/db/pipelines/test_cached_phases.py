"""The response cache in runs: the same epic is asked once, and a rework or a retry always anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.llm.cache import ResponseCache
from app.pipelines import definitions
from app.pipelines.definition import Definition, Phase
from app.pipelines.retrying import Again
from app.settings import Settings
from app.tables import Pipeline
from tests.db.software import BROKEN, SHOUT, Shop, Team, code

GOOD, BAD = code(SHOUT), code(BROKEN)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Routes lead to Claude: recorded answers are never kept."""
    return settings.model_copy(update={"demo": False})


@pytest_asyncio.fixture
async def cached(shop: Shop) -> Shop:
    """`tiny`, whose developer takes answers from the cache."""
    async with shop.services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        phases = [_cached(phase) if phase.name == "developer" else phase for phase in tiny.phases]
        changed = Definition(name="cached", description="A lane that asks once", phases=tuple(phases))
        await definitions.save(session, changed, shop.services.kinds, by_person=True)
    return shop


def _cached(phase: Phase) -> Phase:
    limits = {"reasks": 0, "cache": True}
    return Phase.model_validate({**phase.model_dump(by_alias=True), "limits": limits})


async def walked(shop: Shop, run: Pipeline, *answers: Any) -> tuple[str, int]:
    """How the run ended, and how many questions the model was asked."""
    claude = Team("anthropic", developer=list(answers))
    await shop.services.pipelines.start(run.id)
    await shop.walk(run, claude, cache=ResponseCache(shop.services.database, timedelta(hours=1), 10**7))
    return (await shop.services.pipelines.get(run.id)).state, len(claude.calls)


async def new(shop: Shop) -> Pipeline:
    return await shop.services.pipelines.create("Shout", definition="cached", project="shop")


async def test_the_same_epic_on_the_same_commit_is_asked_once(cached: Shop) -> None:
    assert await walked(cached, await new(cached), GOOD) == ("succeeded", 1)
    assert await walked(cached, await new(cached)) == ("succeeded", 0)


async def test_a_rework_asks_a_model_and_has_what_was_sent_back_forgotten(cached: Shop) -> None:
    assert await walked(cached, await new(cached), BAD, GOOD) == ("succeeded", 2)
    assert await walked(cached, await new(cached), GOOD) == ("succeeded", 1)


async def test_a_person_who_retries_a_run_gets_another_answer(cached: Shop) -> None:
    run = await new(cached)
    assert await walked(cached, run, GOOD) == ("succeeded", 1)
    again = await cached.services.pipelines.retry(run.id, Again(from_phase="developer"))
    assert await walked(cached, again, GOOD) == ("succeeded", 1)
