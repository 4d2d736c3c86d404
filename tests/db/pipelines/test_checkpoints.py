"""A checkpoint is written at once or not at all, and once although its answer was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from app.failpoints import install
from app.pipelines import checkpoints, invariants
from app.pipelines.checkpoints import AskedMeanwhile, Checkpoint
from app.pipelines.moves import Move, Standing
from app.pipelines.phases.approval import ApprovalPhase
from app.pipelines.phases.kind import PhaseContext, PhaseKind, PhaseResult
from app.tables import Asked, Outcome, State, Target
from tests.db.scripted import THING, Doing, Engine, Scripted, rejected, soon, thing


@contextmanager
def losing(number: int) -> Iterator[list[bool]]:
    """The checkpoint of this number, counted from 1, is written, and its answer never comes."""
    written: list[bool] = []

    def hit(name: str, done: bool) -> None:
        if name == "database.checkpoint" and done:
            written.append(True)
            if len(written) == number:
                raise psycopg.OperationalError("the connection is lost")

    install(hit)
    try:
        yield written
    finally:
        install(None)


ENDINGS: dict[str, tuple[int, str, list[PhaseKind]]] = {
    "the first phase is opened": (1, "succeeded", [Scripted(thing(a=1)), Scripted()]),
    "one is closed and the next one opened": (2, "succeeded", [Scripted(thing(a=1)), Scripted()]),
    "the run succeeds": (3, "succeeded", [Scripted(thing(a=1)), Scripted()]),
    "a phase is rejected": (3, "succeeded", [Scripted(thing(a=1), thing(a=2)), Scripted(rejected("no"))]),
    "a phase fails": (2, "failed", [Scripted(PhaseResult(Outcome.FAILED, detail={"code": "x"}))]),
    "the run waits": (2, "waiting", [ApprovalPhase()]),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_checkpoint_whose_answer_is_lost_is_written_once(engine: Engine, ending: str) -> None:
    number, state, kinds = ENDINGS[ending]
    first = {} if len(kinds) == 1 else {"a": THING, "b": {"on_reject": "a", "max_rework": 1}}
    run = await engine.queued(*kinds, **first)
    with losing(number) as written:
        ended = await soon(engine.walk(run))
    assert (ended.state, ended.attempts) == (state, 0)
    assert len(written) >= number
    assert "abandoned" not in dict.fromkeys(outcome for _, outcome in await engine.outcomes(run.id))
    assert await invariants.check(engine.database, repositories=False) == []


@pytest.mark.parametrize("how", ["a step", "a pause", "a drain", "a cancel"])
async def test_a_run_stops_once_although_the_answer_is_lost(engine: Engine, how: str) -> None:
    draining = asyncio.Event()

    async def stop(context: PhaseContext) -> PhaseResult:
        match how:
            case "a pause":
                await engine.service.pause(context.pipeline_id)
            case "a cancel":
                await engine.service.cancel(context.pipeline_id)
            case "a drain":
                draining.set()
        return PhaseResult(Outcome.PASSED)

    run = await engine.create(Doing(stop), Scripted())
    await engine.service.start(run.id, Target.STEP if how == "a step" else Target.END)
    with losing(2 if how in ("a step", "a drain") else 3):  # the second one learns what was asked
        await soon(engine.orchestrator().handle(run.id, draining))
    stopped = await engine.service.get(run.id)
    states = {"a step": "paused", "a pause": "paused", "a drain": "queued", "a cancel": "cancelled"}
    assert (stopped.state, stopped.worker) == (states[how], None)
    assert [each[1] for each in await engine.outcomes(run.id)] == ["passed"]
    assert await invariants.check(engine.database, repositories=False) == []


async def test_a_request_that_the_checkpoint_does_not_know_of_keeps_it_from_being_written(
    engine: Engine,
) -> None:
    run = await engine.queued(Scripted())
    held = await engine.taken(run)
    await engine.service.pause(run.id)
    before = await engine.everything()
    checkpoint = Checkpoint(Move(State.QUEUED, Standing(0, 0)), 0, (("handed_back", {}),))
    async with engine.database.connection() as connection:
        with pytest.raises(AskedMeanwhile) as meanwhile:
            await checkpoints.write(connection, held, checkpoint)
        assert meanwhile.value.asked is Asked.PAUSE
        assert await engine.everything() == before
        held.asked = Asked.PAUSE
        await engine.service.resume(run.id)
        with pytest.raises(AskedMeanwhile) as taken_back:
            await checkpoints.write(connection, held, checkpoint)
        assert taken_back.value.asked is None
        held.asked = None
        assert (await checkpoints.write(connection, held, checkpoint)).opened is None
    assert (await engine.service.get(run.id)).state == "queued"


async def test_a_new_version_of_an_artifact_takes_the_place_of_the_one_before(engine: Engine) -> None:
    back = {"on_reject": "a", "max_rework": 2}
    maker = Scripted(*[thing(a=number) for number in range(3)])
    run = await engine.walk(
        await engine.queued(maker, Scripted(rejected("no"), rejected("no")), a=THING, b=back)
    )
    assert (run.state, run.round) == ("succeeded", 2)
    async with engine.database.connection() as connection:
        query = "SELECT version, current, body->'a' FROM artifacts ORDER BY version"
        rows = await (await connection.execute(query)).fetchall()
    assert rows == [(1, False, 0), (2, False, 1), (3, True, 2)]
