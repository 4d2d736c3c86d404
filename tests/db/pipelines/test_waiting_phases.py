"""Phases that wait: for an approval, an event, a permission, or credit."""

from __future__ import annotations

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.pipelines import waits
from app.pipelines.phases.approval import ApprovalPhase
from app.pipelines.phases.event import EventPhase
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.waits import OtherContent, Verdict
from app.tables import Pipeline, Wait
from tests.db.scripted import THING, Engine, Scripted, thing


async def waiting(engine: Engine, *kinds: PhaseKind, **options: object) -> tuple[Pipeline, Wait]:
    """A run that was walked until it waits, and what it waits for."""
    run = await engine.walk(await engine.queued(*kinds, **options))
    assert run.state == "waiting", run.error
    async with engine.database.transaction() as session:
        [wait] = [one for one in await waits.of_run(session, run.id) if one.decision == "open"]
    assert run.reason == wait.reason
    return run, wait


async def test_an_approval_is_for_exactly_what_was_looked_at(engine: Engine) -> None:
    run, wait = await waiting(engine, Scripted(thing(text="a")), ApprovalPhase(), a=THING)
    assert list(wait.details["artifacts"]) == ["thing"]
    with pytest.raises(OtherContent):
        await engine.service.decide(run.id, Verdict(True, "somebody", content_sha256="0" * 64))
    with pytest.raises(Invalid, match="say what you approve"):
        await engine.service.decide(run.id, Verdict(True, "somebody"))
    await engine.service.decide(run.id, Verdict(True, "somebody", "fine", wait.content_sha256))
    assert (await engine.walk(run)).state == "succeeded"
    assert await engine.outcomes(run.id) == [("a", "passed"), ("b", "waiting"), ("b", "passed")]


async def test_a_refused_approval_sends_the_work_back_with_the_comment(engine: Engine) -> None:
    maker = Scripted(thing(text="a"), thing(text="b"))
    back = {"on_reject": "a", "max_rework": 1}
    run, first = await waiting(engine, maker, ApprovalPhase(), a=THING, b=back)
    await engine.service.decide(run.id, Verdict(False, "somebody", "shorter, please"))
    again = await engine.walk(run)
    assert (again.state, again.round) == ("waiting", 1)
    assert maker.seen[1].issues == ({"source": "b", "text": "somebody said no: shorter, please"},)
    async with engine.database.transaction() as session:
        second = (await waits.of_run(session, run.id))[-1]
    assert second.content_sha256 != first.content_sha256


async def test_a_refused_approval_without_a_way_back_fails_the_run(engine: Engine) -> None:
    run, _ = await waiting(engine, ApprovalPhase())
    await engine.service.decide(run.id, Verdict(False, "somebody", "no"))
    ended = await engine.walk(run)
    assert ended.error is not None
    assert ended.error["message"] == "a did not pass: somebody said no: no"


async def test_a_decision_is_given_once(engine: Engine) -> None:
    run, wait = await waiting(engine, ApprovalPhase())
    await engine.service.decide(run.id, Verdict(True, "one", content_sha256=wait.content_sha256))
    with pytest.raises(Conflict, match="nothing of it waits"):
        await engine.service.decide(run.id, Verdict(False, "two"))


@pytest.mark.parametrize(("on_deadline", "ends"), [("grant", "succeeded"), ("refuse", "failed")])
async def test_a_deadline_decides_by_the_default(engine: Engine, on_deadline: str, ends: str) -> None:
    limits = {"wait_s": 0.001, "on_deadline": on_deadline}
    run, _ = await waiting(engine, EventPhase(), a={"limits": limits})
    async with engine.database.transaction() as session:
        assert await waits.expire(session) == 1
    assert (await engine.walk(run)).state == ends
    async with engine.database.transaction() as session:
        [wait] = await waits.of_run(session, run.id)
    assert wait.decided_by == "deadline"


async def test_an_event_brings_the_artifact_of_its_phase(engine: Engine) -> None:
    engine.kinds["event"] = EventPhase()
    run, _ = await waiting(engine, Scripted(), EventPhase(), b={**THING, "kind": "event"})
    await engine.service.receive(run.id, "b", {"ticket": 7}, "somebody")
    after = await engine.walk(run)
    assert after.state == "succeeded"
    with pytest.raises(Conflict, match="takes no events"):
        await engine.service.receive(run.id, "b", {}, "somebody")


async def test_an_event_may_come_before_anybody_waits_for_it(engine: Engine) -> None:
    engine.kinds["event"] = EventPhase()
    run = await engine.create(Scripted(), EventPhase(), b={"kind": "event"})
    await engine.service.receive(run.id, "b", {}, "somebody")
    with pytest.raises(Conflict, match="has its event 'b' already"):
        await engine.service.receive(run.id, "b", {}, "somebody")
    await engine.service.start(run.id)
    assert (await engine.walk(run)).state == "succeeded"
    assert await engine.outcomes(run.id) == [("a", "passed"), ("b", "passed")]


async def test_an_event_that_no_phase_waits_for_is_refused(engine: Engine) -> None:
    engine.kinds["event"] = EventPhase()
    run = await engine.create(EventPhase(), a={"kind": "event"})
    with pytest.raises(NotFound, match="there are: a"):
        await engine.service.receive(run.id, "z", {}, "somebody")


async def test_a_phase_begins_once_its_permissions_are_granted(engine: Engine) -> None:
    phase = Scripted()
    run, wait = await waiting(engine, phase, a={"needs": ("network:pypi",)})
    assert (wait.reason, wait.subject, phase.seen) == ("access", "network:pypi", [])
    with pytest.raises(Invalid, match="say what you approve"):
        await engine.service.decide(run.id, Verdict(True, "somebody"))
    await engine.service.decide(run.id, Verdict(True, "somebody", content_sha256=wait.content_sha256))
    assert (await engine.walk(run)).state == "succeeded"
    assert len(phase.seen) == 1


async def test_a_permission_that_is_refused_fails_the_run_and_says_who(engine: Engine) -> None:
    run, _ = await waiting(engine, Scripted(), a={"needs": ("network:pypi",)})
    await engine.service.decide(run.id, Verdict(False, "somebody", "not this one"))
    ended = await engine.walk(run)
    assert ended.error is not None
    assert ended.error["code"] == "access_refused"
    assert ended.error["message"] == "somebody refused 'network:pypi': not this one"
