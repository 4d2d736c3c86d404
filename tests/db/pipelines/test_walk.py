"""A run walks through its phases, and what it does is written down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from app.artifacts import store as artifacts
from app.errors import Conflict
from app.pipelines.phases.kind import PhaseResult
from app.tables import Outcome
from tests.db.scripted import THING, Doing, Engine, Scripted, thing


async def test_a_run_passes_its_phases_in_order_and_succeeds(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(), Scripted(), Scripted()))
    assert (run.state, run.position, run.attempts, run.worker) == ("succeeded", 3, 0, None)
    assert run.finished_at is not None
    assert await engine.outcomes(run.id) == [("a", "passed"), ("b", "passed"), ("c", "passed")]


async def test_the_events_of_a_run_are_numbered_without_gaps(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(), Scripted()))
    events = await engine.events(run.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    walked = ["phase_started", "phase_finished"]
    assert [event.kind for event in events] == ["created", "queued", *walked, *walked, "succeeded"]
    assert run.event_count == len(events)


async def test_a_phase_reads_the_artifacts_of_earlier_phases(engine: Engine) -> None:
    last = Scripted()
    run = await engine.walk(await engine.queued(Scripted(thing(color="red")), last, a=THING))
    assert last.seen[0].artifacts == {"thing": {"color": "red"}}
    async with engine.database.transaction() as session:
        row = await artifacts.get(session, run.id, "thing")
    assert (row.version, row.schema, row.current) == (1, "row:thing", True)


async def test_a_typed_error_fails_the_run_with_its_code_and_message(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(Conflict("not now", branch="b")), Scripted()))
    assert run.state == "failed"
    assert run.error == {"phase": "a", "code": "conflict", "message": "not now", "details": {"branch": "b"}}
    assert await engine.outcomes(run.id) == [("a", "failed")]


async def test_a_fault_of_ours_fails_the_run_and_says_what_it_was(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(ZeroDivisionError("oh"))))
    assert run.error is not None
    assert (run.error["code"], run.error["message"]) == ("internal", "ZeroDivisionError: oh")


async def test_a_phase_that_fails_without_an_exception_fails_the_run(engine: Engine) -> None:
    result = PhaseResult(Outcome.FAILED, detail={"code": "broken", "message": "it broke"})
    run = await engine.walk(await engine.queued(Scripted(result)))
    assert run.error == {"phase": "a", "code": "broken", "message": "it broke"}


async def test_a_kind_that_is_gone_fails_the_run_and_names_the_kinds_there_are(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    engine.kinds.clear()
    ended = await engine.walk(run)
    assert ended.error is not None
    assert "kind-a" in ended.error["message"]


async def test_an_artifact_of_a_phase_that_names_none_fails_the_run(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(thing(a=1))))
    assert (run.state, run.error and run.error["code"]) == ("failed", "internal")


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800 a pair"])
async def test_a_message_that_no_database_can_hold_still_fails_the_run(engine: Engine, text: str) -> None:
    run = await engine.walk(await engine.queued(Scripted(Conflict(text, place=text))))
    assert (run.state, run.error and run.error["code"]) == ("failed", "conflict")


async def test_progress_of_a_phase_is_an_event(engine: Engine) -> None:
    async def tell(context):  # type: ignore[no-untyped-def]
        await context.progress("half_way", {"percent": 50})
        return PhaseResult(Outcome.PASSED)

    run = await engine.walk(await engine.queued(Doing(tell)))
    assert [(event.kind, event.data) for event in await engine.events(run.id)][3] == (
        "half_way",
        {"percent": 50},
    )


async def test_a_draining_worker_hands_the_run_back_after_the_phase_and_burns_no_attempt(
    engine: Engine,
) -> None:
    run = await engine.queued(Scripted(), Scripted())
    draining = asyncio.Event()

    async def drain(context):  # type: ignore[no-untyped-def]
        draining.set()
        return PhaseResult(Outcome.PASSED)

    engine.kinds["kind-a"] = Doing(drain)
    await engine.orchestrator().handle(run.id, draining)
    handed = await engine.service.get(run.id)
    assert (handed.state, handed.position, handed.attempts, handed.worker) == ("queued", 1, 0, None)
    assert (await engine.walk(run)).state == "succeeded"


async def test_a_draining_worker_takes_no_run(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    draining = asyncio.Event()
    draining.set()
    assert await engine.orchestrator().handle(run.id, draining) is not None
    assert (await engine.service.get(run.id)).attempts == 0


async def test_a_run_that_wants_no_worker_uses_the_wake_up_up(engine: Engine) -> None:
    run = await engine.create(Scripted())
    assert await engine.orchestrator().handle(run.id, asyncio.Event()) is None
    assert (await engine.service.get(run.id)).state == "created"


UNSTORABLE = {
    "no JSON": thing(at=datetime.now(UTC)),
    "no number": thing(n=float("nan")),
    "a NUL": thing(text="a\x00b"),
    "half a character": thing(text="\ud800"),
    "an issue with no text": PhaseResult(Outcome.REJECTED, issues=({"source": "a"},)),
}


@pytest.mark.parametrize("what", UNSTORABLE)
async def test_a_result_that_can_not_be_stored_fails_the_run_and_says_so(engine: Engine, what: str) -> None:
    run = await engine.walk(await engine.queued(Scripted(UNSTORABLE[what]), a=THING))
    assert run.state == "failed"
    assert run.error is not None
    assert run.error["message"].startswith("the result can not be stored")
    assert await engine.outcomes(run.id) == [("a", "failed")]
