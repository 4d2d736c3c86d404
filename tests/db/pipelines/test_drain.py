"""A worker that is told to stop: its phase ends, or begins anew elsewhere, and no attempt is burnt."""

from __future__ import annotations

import asyncio

import pytest

from app.pipelines.work import Patience
from app.tables import Pipeline
from tests.db.scripted import Engine, Gate, Scripted, soon, working

AT_ONCE = Patience(drain_s=0)
LATER = Patience(drain_s=600)


async def drained(engine: Engine, run: Pipeline, gate: Gate, patience: Patience) -> Pipeline:
    """The run after a worker was told to stop in the middle of the phase of the gate."""
    draining = asyncio.Event()
    walk = asyncio.create_task(engine.orchestrator("leaving", patience=patience).handle(run.id, draining))
    await soon(gate.entered.wait())
    draining.set()
    if patience is LATER:
        gate.opened.set()
    assert await soon(walk) is None
    return await engine.service.get(run.id)


async def test_a_phase_that_ends_in_time_is_kept_and_the_run_handed_back(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate, Scripted())
    handed = await drained(engine, run, gate, LATER)
    assert (handed.state, handed.position, handed.attempts, handed.worker) == ("queued", 1, 0, None)
    assert not gate.stopped
    assert await engine.outcomes(run.id) == [("a", "passed")]


async def test_a_phase_that_takes_too_long_is_begun_anew_by_the_next_worker(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(Scripted(), gate)
    handed = await drained(engine, run, gate, AT_ONCE)
    assert (handed.state, handed.position, handed.attempts, handed.worker) == ("queued", 1, 0, None)
    assert gate.stopped
    gate.opened.set()
    async with working(engine.worker("next")):
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"
    tries = [(each.phase, each.attempt, each.outcome) for each in await engine.phase_runs(run.id)]
    assert tries == [("a", 0, "passed"), ("b", 0, "abandoned"), ("b", 1, "passed")]


@pytest.mark.parametrize("deaths", [0, 2])
async def test_a_drain_burns_no_attempt_and_forgives_none(engine: Engine, deaths: int) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    for _ in range(deaths):
        await engine.taken(run)
        await engine.expire(run)
    for _ in range(7):
        gate.entered.clear()
        assert (await drained(engine, run, gate, AT_ONCE)).attempts == deaths
    gate.opened.set()
    assert (await engine.walk(run)).state == "succeeded"


async def test_a_pause_that_was_asked_for_is_not_forgotten_in_a_drain(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    draining = asyncio.Event()
    walk = asyncio.create_task(engine.orchestrator(patience=AT_ONCE).handle(run.id, draining))
    await soon(gate.entered.wait())
    await engine.service.pause(run.id)
    draining.set()
    await soon(walk)
    paused = await engine.service.get(run.id)
    assert (paused.state, paused.reason, paused.asked, paused.attempts) == ("paused", "user", None, 0)
