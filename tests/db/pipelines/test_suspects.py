"""Runs that may have killed their workers are walked one at a time, until a phase of theirs ends."""

from __future__ import annotations

import asyncio

from app.pipelines.leases import SUSPECT
from app.tables import Pipeline
from tests.db.scripted import Engine, Gate, Scripted, soon


async def suspect(engine: Engine, run: Pipeline, deaths: int = SUSPECT) -> Pipeline:
    for _ in range(deaths):
        await engine.taken(run)
        await engine.expire(run)
    return run


async def test_a_suspect_waits_while_the_worker_walks_another_one_and_healthy_runs_go_on(
    engine: Engine,
) -> None:
    gate = Gate()
    first = await suspect(engine, await engine.queued(gate))
    second, healthy, unlucky = [await engine.service.create("An epic", definition="small") for _ in range(3)]
    for run in (second, healthy, unlucky):
        await engine.service.start(run.id)
    await suspect(engine, second)
    await suspect(engine, unlucky, deaths=1)
    worker = engine.orchestrator()
    walk = asyncio.create_task(worker.handle(first.id, asyncio.Event()))
    await soon(gate.entered.wait())
    assert await soon(worker.handle(second.id, asyncio.Event())) is not None
    assert (await engine.service.get(second.id)).attempts == SUSPECT, "it was not taken"
    gate.opened.set()
    for run in (healthy, unlucky):
        assert await soon(worker.handle(run.id, asyncio.Event())) is None
    assert await soon(walk) is None
    assert await soon(worker.handle(second.id, asyncio.Event())) is None
    for run in (first, second, healthy, unlucky):
        assert (await engine.service.get(run.id)).state == "succeeded"


async def test_a_run_is_no_suspect_any_more_once_a_phase_of_it_has_ended(engine: Engine) -> None:
    gate = Gate()
    first = await suspect(engine, await engine.queued(Scripted(), gate))
    second = await engine.service.create("An epic", definition="small")
    await suspect(engine, await engine.service.start(second.id))
    worker = engine.orchestrator()
    walks = [asyncio.create_task(worker.handle(first.id, asyncio.Event()))]
    await soon(gate.entered.wait())
    walks.append(asyncio.create_task(worker.handle(second.id, asyncio.Event())))
    gate.opened.set()
    assert await soon(asyncio.gather(*walks)) == [None, None]
    assert (await engine.service.get(second.id)).state == "succeeded"
