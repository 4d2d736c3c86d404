"""Pausing: at once when nothing runs, before the next phase when something does; and going on."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import Conflict
from app.pipelines.phases.kind import Ask, PhaseContext, PhaseResult, Waiting
from app.pipelines.waits import Verdict
from app.tables import Outcome, Target, WaitReason
from tests.db.scripted import Doing, Engine, Gate, Scripted, soon


async def test_a_queued_run_pauses_at_once_and_no_worker_takes_it(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    paused = await engine.service.pause(run.id)
    assert (paused.state, paused.reason) == ("paused", "user")
    assert (await engine.walk(run)).state == "paused"
    await engine.service.resume(run.id)
    assert (await engine.walk(run)).state == "succeeded"


async def test_a_running_run_pauses_before_its_next_phase(engine: Engine) -> None:
    gate, after = Gate(), Scripted()
    run = await engine.queued(gate, after)
    walk = asyncio.create_task(engine.orchestrator().handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    assert (await engine.service.pause(run.id)).asked == "pause"
    with pytest.raises(Conflict, match="asked to pause already"):
        await engine.service.pause(run.id)
    gate.opened.set()
    await soon(walk)
    paused = await engine.service.get(run.id)
    assert (paused.state, paused.reason, paused.position, paused.asked) == ("paused", "user", 1, None)
    assert (gate.stopped, after.seen) == (False, [])


async def test_a_pause_that_has_not_happened_is_taken_back(engine: Engine) -> None:
    async def hesitate(context: PhaseContext) -> PhaseResult:
        await engine.service.pause(context.pipeline_id)
        assert (await engine.service.resume(context.pipeline_id)).asked is None
        return PhaseResult(Outcome.PASSED)

    run = await engine.walk(await engine.queued(Doing(hesitate), Scripted()))
    assert run.state == "succeeded"
    assert "pause_taken_back" in [event.kind for event in await engine.events(run.id)]


async def test_a_cancel_wins_over_a_pause_and_a_pause_does_not_take_it_back(engine: Engine) -> None:
    async def ask(context: PhaseContext) -> PhaseResult:
        await engine.service.pause(context.pipeline_id)
        await engine.service.cancel(context.pipeline_id)
        with pytest.raises(Conflict, match="being cancelled"):
            await engine.service.pause(context.pipeline_id)
        return PhaseResult(Outcome.PASSED)

    assert (await engine.walk(await engine.queued(Doing(ask), Scripted()))).state == "cancelled"


async def test_a_pause_that_meets_a_wait_happens_once_that_is_decided(engine: Engine) -> None:
    async def pause_and_wait(context: PhaseContext) -> PhaseResult:
        if context.decided(WaitReason.ACCESS, "network"):
            return PhaseResult(Outcome.PASSED)
        await engine.service.pause(context.pipeline_id)
        raise Waiting(Ask(WaitReason.ACCESS, "network"))

    run = await engine.walk(await engine.queued(Doing(pause_and_wait)))
    assert (run.state, run.asked) == ("waiting", "pause")
    with pytest.raises(Conflict, match="waits for access"):
        await engine.service.pause(run.id)
    paused = await engine.service.decide(run.id, Verdict(True, "somebody"))
    assert (paused.state, paused.reason, paused.asked) == ("paused", "user", None)
    await engine.service.resume(run.id)
    assert (await engine.walk(run)).state == "succeeded"


async def test_pausing_again_and_again_before_a_phase_burns_no_attempt(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    for _ in range(7):
        held = await engine.taken(run)
        await engine.service.pause(run.id)
        await engine.expire(run)
        paused = await engine.walk(run, attempts=9)
        assert paused.state == "paused"
        assert held.attempts == paused.attempts
        await engine.service.start(run.id)
        async with engine.database.connection() as connection:
            await connection.execute("UPDATE pipelines SET attempts = 0")


@pytest.mark.parametrize("state", ["created", "paused", "waiting", "succeeded"])
async def test_a_pause_that_makes_no_sense_says_why_and_changes_nothing(engine: Engine, state: str) -> None:
    async def wait(context: PhaseContext) -> PhaseResult:
        raise Waiting(Ask(WaitReason.ACCESS, "network"))

    run = await engine.create(Doing(wait) if state == "waiting" else Scripted(), Scripted())
    if state != "created":
        await engine.service.start(run.id, Target.STEP if state == "paused" else Target.END)
        assert (await engine.walk(run)).state == state
    before = await engine.everything()
    with pytest.raises(Conflict, match=state if state != "waiting" else "waits for access"):
        await engine.service.pause(run.id)
    assert await engine.everything() == before
