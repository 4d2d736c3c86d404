"""What a probe found out about a model decides in which form it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from app.db import Database
from app.llm.capabilities import FRESH_S, Capabilities
from app.llm.errors import SchemaRefused
from app.llm.probing import store
from app.llm.probing.case import Verdict
from app.llm.probing.figures import Asked, capability
from app.llm.types import Mode
from app.usage.tokens import Tokens
from tests.db.asking import GOOD, Answering, Asking, Clock, request

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def answers(kept: int) -> list[Asked]:
    """Ten, of which so many kept to the schema."""
    return [Asked(1.0, Tokens(output=9), Verdict(*[number < kept] * 3)) for number in range(10)]


async def probed(database: Database, compliant: Mapping[Mode, int], thinks: bool = False) -> None:
    """So many of ten answers kept to the schema in each mode."""
    rows = [
        capability("ollama", "qwen", "1", mode, thinks=thinks, calls=answers(kept), at=NOW)
        for mode, kept in compliant.items()
    ]
    async with database.transaction() as session:
        await store.replace(session, rows)


def modes(backend: Answering) -> list[Mode]:
    return [call.mode for call in backend.calls]


async def test_a_model_that_was_never_probed_is_asked_with_a_grammar(database: Database) -> None:
    local = Answering(GOOD)
    await Asking(database, local, parts={"capabilities": Capabilities(database)}).ask(request())
    assert modes(local) == ["grammar"]


async def test_a_model_that_no_grammar_binds_is_asked_in_the_mode_that_held(database: Database) -> None:
    await probed(database, {"grammar": 0, "tool": 4, "prompt": 9})
    local = Answering(SchemaRefused("not so"), GOOD)
    asking = Asking(database, local, parts={"capabilities": Capabilities(database)})
    await asking.ask(request(system_in_words="You are the PM; the schema is …"))
    assert modes(local) == ["prompt", "tool"]  # the grammar, which never held, is not tried at all
    assert [call.system[:20] for call in local.calls] == ["You are the PM; the ", "You are the PM"]
    assert [row.mode for row in await asking.ledger()] == ["prompt", "tool"]


async def test_what_was_probed_while_it_thinks_says_nothing_of_it_without(database: Database) -> None:
    await probed(database, {"grammar": 0, "tool": 0, "prompt": 9}, thinks=True)
    local = Answering(GOOD)
    await Asking(database, local, parts={"capabilities": Capabilities(database)}).ask(request())
    assert modes(local) == ["grammar"]


async def test_a_probe_is_seen_without_a_restart(database: Database) -> None:
    clock, local = Clock(), Answering(GOOD, GOOD)
    asking = Asking(database, local, parts={"capabilities": Capabilities(database, clock)})
    await asking.ask(request())
    await probed(database, {"grammar": 0, "tool": 9})
    clock.now = FRESH_S
    await asking.ask(request())
    assert modes(local) == ["grammar", "tool"]
