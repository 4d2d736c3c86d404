"""Asks a stub that fails in many ways, from a process that is killed in the middle and one that goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from random import Random

from sqlalchemy import select

from app.db import Database
from app.settings import ROOT
from app.tables import PromptUsage
from tests.e2e.reconciliation.asker import item
from tests.e2e.reconciliation.comparison import Comparison, compare
from tests.stub.server import Stub

USUAL = {"ok": 55, "cache": 10, "429-plain": 8, "500": 6, "cut": 6, "drop": 6, "max_tokens": 4, "prose": 5}
"""What a request meets, in hundredths. After `prose` the question is asked again with the errors."""


async def run(url: str, protocol: str, calls: int, seed: int = 1) -> Comparison:
    """The process that asks is killed (SIGKILL) once half of the questions have been sent."""
    draw = Random(seed)  # noqa: S311 - no secret hangs on it
    scenarios = [*draw.choices([*USUAL], [*USUAL.values()], k=calls * 12), "ok"]
    database = Database(url)
    async with Stub(protocol, *scenarios) as stub:
        first = await _start(url, protocol, stub.url, 1, range(calls))
        while len(stub.requests) < calls // 2 and first.returncode is None:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.005)
        first.kill()
        await first.wait()
        done = await _answered(database)
        left = [place for place in range(calls) if item(place, 1) not in done]
        second = await _start(url, protocol, stub.url, 2, left)
        if await second.wait() != 0:
            raise RuntimeError("the process that asks ended with an error")
        found = await compare(database, stub, scenarios)
    await database.close()
    return found


async def _start(
    url: str, protocol: str, stub: str, round_: int, places: Sequence[int]
) -> asyncio.subprocess.Process:
    command = ("-m", "tests.e2e.reconciliation.asker", url, protocol, stub, str(round_), *map(str, places))
    return await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)


async def _answered(database: Database) -> set[str]:
    async with database.transaction() as session:
        return set(await session.scalars(select(PromptUsage.item).where(PromptUsage.outcome == "ok")))
