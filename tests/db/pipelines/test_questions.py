"""A question without a run: what a local one may cost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.errors import Invalid
from app.pipelines.question import Question, Where
from app.services import Services
from app.usage import prices

QUESTION = Question("Why is the sky blue?", where=Where.LOCAL)


async def test_a_local_question_goes_to_a_model_that_costs_nothing(services: Services) -> None:
    assert (await services.asker.prepare(QUESTION)).request.profile.name == "ollama-code"


async def test_a_model_that_costs_money_by_the_price_a_person_set_is_not_local(services: Services) -> None:
    async with services.database.transaction() as session:
        dear = {"input": Decimal(1), "output": Decimal(1)}
        since = datetime(2026, 1, 1, tzinfo=UTC)
        await prices.put(session, "ollama", "qwen2.5:14b-instruct-q4_K_M", dear, since)
    with pytest.raises(Invalid, match="ollama-code costs money, so it is not local"):
        await services.asker.prepare(QUESTION)
