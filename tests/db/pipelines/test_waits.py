"""What runs wait for is decided once: by a person, an event, or a deadline."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.pipelines import invariants, waits
from app.pipelines.phases.event import EventPhase
from app.pipelines.phases.kind import Ask, PhaseContext, PhaseResult, Waiting
from app.pipelines.waits import OtherContent, Verdict
from app.tables import Decision, Outcome, Pipeline, Wait, WaitReason
from tests.db.scripted import Doing, Engine, Scripted

CONTENT, OTHER = "a" * 64, "b" * 64
YES, NO = Verdict(True, "somebody"), Verdict(False, "somebody", "not this")
APPROVAL = Ask(WaitReason.APPROVAL, "a", content_sha256=CONTENT)
ACCESS = Ask(WaitReason.ACCESS, "network")


def asking(ask: Ask) -> Doing:
    """A phase that waits once."""

    async def run(context: PhaseContext) -> PhaseResult:
        if context.decided(ask.reason, ask.subject, ask.round) is None:
            raise Waiting(ask)
        return PhaseResult(Outcome.PASSED)

    return Doing(run)


async def waiting(engine: Engine, ask: Ask) -> Pipeline:
    run = await engine.walk(await engine.queued(asking(ask)))
    assert (run.state, run.reason, run.worker) == ("waiting", ask.reason, None)
    return run


async def open_event(engine: Engine) -> Pipeline:
    """A run with a phase that waits for the event `b`; it is created."""
    engine.kinds["event"] = EventPhase()
    return await engine.create(Scripted(), EventPhase(), b={"kind": "event"})


async def asked(engine: Engine, run: Pipeline) -> Wait:
    async with engine.database.transaction() as session:
        [wait] = await waits.of_run(session, run.id)
    return wait


async def expire(engine: Engine) -> int:
    async with engine.database.transaction() as session:
        return await waits.expire(session)


async def test_a_decision_queues_the_run_and_the_phase_hears_of_it(engine: Engine) -> None:
    run = await waiting(engine, ACCESS)
    assert (await engine.service.decide(run.id, NO)).state == "queued"
    ended = await engine.walk(run)
    kind = engine.kinds["kind-a"]
    assert isinstance(kind, Doing)
    [decided] = kind.seen[-1].decisions
    assert (decided.granted, decided.by, decided.comment) == (False, "somebody", "not this")
    assert ended.state == "succeeded"
    kinds = [event.kind for event in await engine.events(run.id)]
    assert kinds[4:8] == ["waiting", "decided", "queued", "phase_started"]


WRONG = {
    "other content": (APPROVAL, Verdict(True, "somebody", content_sha256=OTHER), OtherContent),
    "a refusal of other content": (APPROVAL, Verdict(False, "somebody", content_sha256=OTHER), OtherContent),
    "a grant of nothing in particular": (APPROVAL, YES, Invalid),
    "content where there is none": (ACCESS, Verdict(True, "somebody", content_sha256=CONTENT), Invalid),
    "a person for an event": (Ask(WaitReason.EVENT, "a"), YES, Conflict),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_decision_that_does_not_fit_is_refused_and_changes_nothing(
    engine: Engine, wrong: str
) -> None:
    ask, verdict, error = WRONG[wrong]
    run = await waiting(engine, ask)
    before = await engine.everything()
    with pytest.raises(error):
        await engine.service.decide(run.id, verdict)
    assert await engine.everything() == before


async def test_of_decisions_that_come_at_once_one_counts_and_the_others_are_told(engine: Engine) -> None:
    run = await waiting(engine, ACCESS)
    results = await asyncio.gather(
        *(engine.service.decide(run.id, verdict) for verdict in (YES, NO, YES)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "Pipeline"]
    assert [event.kind for event in await engine.events(run.id)].count("decided") == 1


@pytest.mark.parametrize("default", [Decision.GRANTED, Decision.REFUSED])
async def test_a_deadline_decides_by_its_default_and_only_once(engine: Engine, default: Decision) -> None:
    run = await waiting(engine, Ask(WaitReason.ACCESS, "network", wait_s=0.001, default=default))
    assert await expire(engine) == 1
    assert await expire(engine) == 0
    wait = await asked(engine, run)
    assert (wait.decision, wait.decided_by) == (default, "deadline")
    with pytest.raises(Conflict, match="queued; nothing of it waits"):
        await engine.service.decide(run.id, YES)


async def test_a_wait_without_a_deadline_lasts(engine: Engine) -> None:
    run = await waiting(engine, ACCESS)
    assert await expire(engine) == 0
    assert (await engine.service.get(run.id)).state == "waiting"


async def test_a_cancelled_run_waits_for_nothing_any_more(engine: Engine) -> None:
    run = await waiting(engine, Ask(WaitReason.ACCESS, "network", wait_s=0.001))
    await engine.service.cancel(run.id)
    before = await engine.everything()
    assert await expire(engine) == 0
    with pytest.raises(Conflict, match="the run is cancelled"):
        await engine.service.decide(run.id, YES)
    assert await engine.everything() == before
    assert (await asked(engine, run)).decision == "refused"
    async with engine.database.transaction() as session:
        assert await waits.page(session) == []
    assert await invariants.check(engine.database, repositories=False) == []


async def test_a_cancel_that_meets_a_wait_leaves_nothing_to_decide(engine: Engine) -> None:
    async def cancel_and_wait(context: PhaseContext) -> PhaseResult:
        await engine.service.cancel(context.pipeline_id)
        raise Waiting(ACCESS)

    run = await engine.walk(await engine.queued(Doing(cancel_and_wait)))
    assert run.state == "cancelled"
    assert await invariants.check(engine.database, repositories=False) == []


async def test_a_run_that_was_stranded_is_woken(engine: Engine) -> None:
    """Its wait was decided before it waited, and its worker died before it told anybody."""
    run = await waiting(engine, ACCESS)
    async with engine.database.connection() as connection:
        await connection.execute("UPDATE waits SET decision = 'granted', decided_at = clock_timestamp()")
    assert await expire(engine) == 1
    assert (await engine.walk(run)).state == "succeeded"


@pytest.mark.parametrize("when", ["before it starts", "while it waits"])
async def test_an_event_counts_whenever_it_comes(engine: Engine, when: str) -> None:
    run = await open_event(engine)
    if when == "while it waits":
        await engine.service.start(run.id)
        assert (await engine.walk(run)).state == "waiting"
    await engine.service.receive(run.id, "b", {"n": 1}, "somebody")
    with pytest.raises(Conflict, match="has its event 'b' already"):
        await engine.service.receive(run.id, "b", {"n": 2}, "somebody")
    if when == "before it starts":
        await engine.service.start(run.id)
    assert (await engine.walk(run)).state == "succeeded"
    assert (await asked(engine, run)).data == {"n": 1}


async def test_an_event_of_a_finished_run_or_of_no_phase_is_refused(engine: Engine) -> None:
    run = await open_event(engine)
    with pytest.raises(NotFound, match="there are: b"):
        await engine.service.receive(run.id, "a", {}, "somebody")
    await engine.service.cancel(run.id)
    with pytest.raises(Conflict, match="takes no events"):
        await engine.service.receive(run.id, "b", {}, "somebody")
