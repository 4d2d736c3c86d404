"""For every reply that came the ledger is the bill, to the token; a lost one stays at its reservation."""

from __future__ import annotations

import pytest

from app.db import Database
from app.pipelines import invariants
from tests.e2e.reconciliation.trial import run


@pytest.mark.parametrize("protocol", ["anthropic", "ollama", "openai"])
async def test_the_ledger_is_the_bill_through_failures_lost_replies_and_a_killed_process(
    database: Database, database_url: str, protocol: str
) -> None:
    found = await run(database_url, protocol, calls=40)
    assert found.wrong == ()
    assert (found.settled.tokens, found.settled.usd) == (found.received.tokens, found.received.usd)
    assert found.received + found.lost != found.received  # replies were lost
    assert found.received.tokens + found.lost.tokens == found.billed.tokens
    ledger = found.settled + found.open
    assert ledger.tokens >= found.billed.tokens
    assert ledger.usd >= found.billed.usd
    assert found.budget == ledger
    assert await invariants.check(database, repositories=False) == []
