"""The last failed call of each backend, found in few rows of the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert

from app.db import Database
from app.tables import PromptUsage
from app.usage import faults
from app.usage.faults import Fault, last_faults

CALL = {
    "phase": "pm",
    "item": "",
    "round": 0,
    "step": 0,
    "backend": "ollama",
    "profile": "p",
    "model": "qwen",
    "role": "pm",
    "prompt_digest": "a" * 64,
    "request_digest": "b" * 64,
    "reserved_tokens": 1,
    "price_version": "local",
    "outcome": "ok",
}


async def add(database: Database, minutes_ago: float, **values: Any) -> None:
    at = func.clock_timestamp() - timedelta(minutes=minutes_ago)
    row = CALL | {"settled_at": None if values.get("outcome") == "open" else at, "started_at": at} | values
    async with database.transaction() as session:
        await session.execute(insert(PromptUsage).values(row))


async def found(database: Database) -> dict[str, Fault]:
    async with database.transaction() as session:
        return await last_faults(session, {"backend_down", "overloaded"})


async def test_the_newest_failure_of_each_backend_is_found(database: Database) -> None:
    await add(database, 30, outcome="backend_down", error="long gone")
    await add(database, 20, outcome="overloaded", error="busy", model="llama")
    await add(database, 10)
    await add(database, 9, backend="openai", outcome="backend_down", error="no answer")
    last = await found(database)
    assert {name: (fault.outcome, fault.error, fault.model) for name, fault in last.items()} == {
        "ollama": ("overloaded", "busy", "llama"),
        "openai": ("backend_down", "no answer", "qwen"),
    }


async def test_an_answer_that_was_no_good_is_no_fault_of_a_server(database: Database) -> None:
    await add(database, 5, outcome="invalid_answer", error="prose")
    await add(database, 4, outcome="ok")
    assert await found(database) == {}


async def test_a_reply_that_never_came_is_a_fault_and_a_call_under_way_is_none(database: Database) -> None:
    await add(database, 14, backend="openai", outcome="open")
    await add(database, 16, outcome="open")
    last = await found(database)
    assert {name: fault.outcome for name, fault in last.items()} == {"ollama": "open"}


async def test_nothing_is_looked_for_beyond_some_days(database: Database) -> None:
    await add(database, faults.DAYS * 24 * 60 + 1, outcome="backend_down", error="long gone")
    assert await found(database) == {}
