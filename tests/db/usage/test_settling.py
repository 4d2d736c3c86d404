"""What a model answered is written down, even if the database is away just then."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.failpoints import install
from app.tables import PromptUsage
from app.usage.cost import Cost
from app.usage.recorder import Settlement, UsageRecorder
from app.usage.tokens import Tokens
from tests.db.scripted import Scripted, open_engine
from tests.db.usage.test_reports import record


@pytest.mark.parametrize("heard", [True, False])
async def test_an_answer_that_was_paid_for_outlives_an_outage(database: Database, heard: bool) -> None:
    """`heard` False: it was written down, and the outage swallowed that news."""
    async with open_engine(database) as engine:
        run = await engine.create(Scripted())
        recorder, made, cost = UsageRecorder(database), record(run.id), Cost(Decimal("0.1"), "list 1")
        row = await recorder.open(made, tokens=50, cost=cost)
        assert row is not None

        def lose(name: str, done: bool) -> None:
            if name == "database.commit" and done is not heard:
                install(None)
                raise OperationalError("COMMIT", {}, Exception("gone"))

        install(lose)
        await recorder.settle(row, made, Settlement("ok", Tokens(input=9), cost), {"text": "paid"})
        assert await recorder.stored_answer(made) == {"text": "paid"}
        async with database.transaction() as session:
            kept = await session.get(PromptUsage, row)
        assert kept is not None
        assert (kept.outcome, kept.input_tokens, kept.cost_usd) == ("ok", 9, Decimal("0.1"))
