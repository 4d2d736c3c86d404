"""A local model is probed again once its server has another version, and by one worker alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert

from app.db import Database
from app.llm.capabilities import Capabilities
from app.llm.probing.prober import Prober
from app.pipelines.reprobing import Reprober
from app.settings import Settings
from app.tables import Chore, ModelProfile
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder
from tests.db.llm.test_prober import CASES, Server, probe, stored

QWEN = {
    "name": "local", "description": "d", "backend": "ollama", "model": "qwen",
    "context_tokens": 16_384, "max_output_tokens": 2_000, "think": "off",
}  # fmt: skip


async def with_profile(database: Database, **values: Any) -> None:
    async with database.transaction() as session:
        await session.execute(insert(ModelProfile).values(**{**QWEN, **values}))


async def tick(database: Database, server: Server, **settings: Any) -> int:
    given = Settings(_env_file=None, **settings)
    backends = {"ollama": server}
    prober = Prober(given, backends, database, UsageRecorder(database), PriceBook(database))
    return await Reprober(given, database, backends, prober, Capabilities(database), lambda: CASES).tick()


async def an_hour_later(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(delete(Chore))


async def test_another_version_of_the_server_is_probed_without_being_told(database: Database) -> None:
    await with_profile(database)
    server = Server()
    await probe(database, server)
    server.said, asked = "0.33.0", len(server.calls)
    assert await tick(database, server) == 1
    assert len(server.calls) > asked
    assert {one.server_version for one in await stored(database)} == {"0.32.9", "0.33.0"}
    await an_hour_later(database)
    assert await tick(database, server) == 0


async def test_the_same_version_and_a_model_that_nobody_had_probed_are_left_alone(database: Database) -> None:
    await with_profile(database)
    server = Server()
    assert (await tick(database, server), server.calls) == (0, [])
    await probe(database, server)
    await an_hour_later(database)
    asked = len(server.calls)
    assert (await tick(database, server), len(server.calls)) == (0, asked)


async def test_of_many_workers_one_probes(database: Database) -> None:
    await with_profile(database)
    server = Server()
    await probe(database, server)
    server.said = "0.33.0"
    assert [await tick(database, server) for _ in range(3)] == [1, 0, 0]


async def test_what_costs_money_is_never_probed_unasked_and_nothing_is_with_calls_switched_off(
    database: Database,
) -> None:
    server = Server()
    await probe(database, server)
    await with_profile(database, price_usd_per_mtok={"input": 1.0})
    server.said, asked = "0.33.0", len(server.calls)
    assert await tick(database, server) == 0
    await an_hour_later(database)
    assert await tick(database, server, llm_disabled=True) == 0
    assert len(server.calls) == asked
