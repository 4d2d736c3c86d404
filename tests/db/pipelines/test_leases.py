"""One worker holds a run; a worker that lost it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.errors import NotFound
from app.pipelines import checkpoints, leases
from app.pipelines.checkpoints import Opened
from app.pipelines.leases import Busy, Lease, StaleFence
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.tables import CommitIntent, Pipeline
from tests.db.scripted import LIMIT_S, PASS, THING, Doing, Engine, Gate, Scripted, soon, thing


async def take(engine: Engine, run: Pipeline, worker: str = "w") -> Lease | Busy | None:
    async with engine.database.transaction() as session:
        return await leases.take(session, run.id, worker, 60)


async def expire(engine: Engine, run: Pipeline) -> None:
    """The lease's time is up, as if its worker had been frozen for that long."""
    async with engine.database.transaction() as session:
        past = func.clock_timestamp() - timedelta(seconds=1)
        await session.execute(update(Pipeline).where(Pipeline.id == run.id).values(lease_expires_at=past))


async def test_the_fence_grows_with_every_lease(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    first = await take(engine, run)
    await expire(engine, run)
    second = await take(engine, run, "other")
    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    assert (second.fence, second.attempts) == (first.fence + 1, 2)
    assert (await engine.service.get(run.id)).worker == "other"


async def test_a_lease_that_is_held_is_busy_until_it_expires(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    await take(engine, run)
    busy = await take(engine, run, "other")
    assert isinstance(busy, Busy)
    assert timedelta(seconds=50) < busy.retry_in < timedelta(seconds=61)
    assert await engine.orchestrator("other").handle(run.id, asyncio.Event()) is not None


async def test_a_run_that_is_gone_has_no_lease(engine: Engine) -> None:
    run = Pipeline(id="00000000-0000-0000-0000-000000000001")
    assert await take(engine, run) is None
    with pytest.raises(NotFound):
        async with engine.database.transaction() as session:
            await leases.fenced(session, Lease(run.id, 1, 1))


async def test_renewing_holds_the_lease_longer_and_tells_of_a_cancel(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    lease = await take(engine, run)
    assert isinstance(lease, Lease)
    await expire(engine, run)
    async with engine.database.transaction() as session:
        assert not await leases.renew(session, lease, 60)
    assert isinstance(await take(engine, run, "other"), Busy)
    await engine.service.cancel(run.id)
    async with engine.database.transaction() as session:
        assert await leases.renew(session, lease, 60)


Write = Callable[[AsyncSession, Lease, Opened], Awaitable[object]]
WRITES: dict[str, Write] = {
    "open": lambda session, lease, opened: checkpoints.open_phase(session, lease),
    "close": lambda session, lease, opened: checkpoints.close_phase(session, lease, opened, PASS),
    "note": lambda session, lease, opened: checkpoints.note(session, lease, "half_way", {}),
    "hand back": lambda session, lease, opened: checkpoints.hand_back(session, lease),
    "give up": lambda session, lease, opened: checkpoints.give_up(session, lease, 5),
    "cancel": lambda session, lease, opened: checkpoints.cancel(session, lease),
    "renew": lambda session, lease, opened: leases.renew(session, lease, 60),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_stale_fence_writes_nothing(engine: Engine, write: str) -> None:
    run = await engine.queued(Scripted())
    lease = await take(engine, run)
    assert isinstance(lease, Lease)
    async with engine.database.transaction() as session:
        opened = await checkpoints.open_phase(session, lease)
    assert opened is not None
    await expire(engine, run)
    await take(engine, run, "other")
    before = await everything(engine)
    with pytest.raises(StaleFence, match="taken over"):
        async with engine.database.transaction() as session:
            await WRITES[write](session, lease, opened)
    assert await everything(engine) == before


@pytest.mark.parametrize("write", WRITES)
async def test_a_finished_run_is_written_by_nobody(engine: Engine, write: str) -> None:
    run = await engine.walk(await engine.queued(Scripted()))
    before = await everything(engine)
    opened = Opened(1, "", None, None, 0, None, None, {}, ())  # type: ignore[arg-type]
    with pytest.raises(StaleFence):
        async with engine.database.transaction() as session:
            await WRITES[write](session, Lease(run.id, run.fence, 1), opened)
    assert await everything(engine) == before


async def test_a_frozen_worker_wakes_up_and_writes_nothing(engine: Engine) -> None:
    frozen = Gate(thing(by="frozen"))
    run = await engine.queued(frozen, a=THING)
    sleeper = asyncio.create_task(engine.orchestrator("frozen").handle(run.id, asyncio.Event()))
    await soon(frozen.entered.wait())
    await expire(engine, run)
    engine.kinds["kind-a"] = Scripted(thing(by="other"))
    assert (await engine.walk(run, worker="other")).state == "succeeded"
    before = await everything(engine)
    frozen.opened.set()
    assert await soon(sleeper) is not None
    assert await everything(engine) == before
    async with engine.database.transaction() as session:
        assert await artifacts.current(session, run.id) == {"thing": {"by": "other"}}
    assert await engine.outcomes(run.id) == [("a", "abandoned"), ("a", "passed")]


async def test_a_frozen_worker_that_tells_of_its_progress_is_not_heard(engine: Engine) -> None:
    async def freeze_and_tell(context: PhaseContext) -> PhaseResult:
        async with engine.database.transaction() as session:
            await session.execute(update(Pipeline).values(fence=Pipeline.fence + 1))
        await context.progress("half_way", {})
        raise AssertionError("a stale fence writes nothing")

    run = await engine.queued(Doing(freeze_and_tell))
    assert await engine.orchestrator().handle(run.id, asyncio.Event()) is not None
    assert "half_way" not in [event.kind for event in await engine.events(run.id)]


async def test_a_database_that_is_lost_in_a_phase_does_not_fail_the_run(engine: Engine) -> None:
    run = await engine.queued(Scripted(OperationalError("SELECT", {}, Exception("gone"))))
    with pytest.raises(OperationalError):
        await engine.orchestrator().handle(run.id, asyncio.Event())
    await expire(engine, run)
    assert (await engine.walk(run)).state == "succeeded"


async def test_a_worker_that_lost_its_lease_stops_its_phase(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    orchestrator = engine.orchestrator("frozen", lease_s=0.4)
    sleeper = asyncio.create_task(orchestrator.handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    async with engine.database.transaction() as session:
        await session.execute(update(Pipeline).values(fence=Pipeline.fence + 1))
    assert await soon(sleeper) is not None
    assert gate.stopped


async def test_a_lease_is_renewed_for_as_long_as_a_phase_takes(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    walk = asyncio.create_task(engine.orchestrator(lease_s=0.8).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    first = (await engine.service.get(run.id)).lease_expires_at
    async with asyncio.timeout(LIMIT_S):
        while (await engine.service.get(run.id)).lease_expires_at == first:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
    gate.opened.set()
    await soon(walk)
    assert (await engine.service.get(run.id)).state == "succeeded"


async def test_an_expired_lease_is_taken_over_after_the_last_closed_phase(engine: Engine) -> None:
    first, second = Scripted(), Gate()
    run = await engine.queued(first, second)
    dying = asyncio.create_task(engine.orchestrator("dying").handle(run.id, asyncio.Event()))
    await soon(second.entered.wait())
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await expire(engine, run)
    second.opened.set()
    assert (await engine.walk(run, worker="other")).state == "succeeded"
    assert len(first.seen) == 1
    tries = [(each.phase, each.attempt, each.outcome) for each in await engine.phase_runs(run.id)]
    assert tries == [("a", 0, "passed"), ("b", 0, "abandoned"), ("b", 1, "passed")]


async def test_a_run_whose_workers_die_again_and_again_fails_and_says_so(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    for _ in range(3):
        lease = await take(engine, run)
        assert isinstance(lease, Lease)
        async with engine.database.transaction() as session:
            await checkpoints.open_phase(session, lease)
        await expire(engine, run)
    ended = await engine.walk(run, attempts=3)
    assert ended.error == {
        "phase": "a",
        "code": "too_many_attempts",
        "message": "phase a was started 3 times and its worker died each time",
    }
    assert [outcome for _, outcome in await engine.outcomes(run.id)] == ["abandoned"] * 3


async def test_a_phase_that_ends_gives_the_attempts_back(engine: Engine) -> None:
    run = await engine.queued(Scripted(), Gate())
    for _ in range(2):
        await take(engine, run)
        await expire(engine, run)
    gate = engine.kinds["kind-b"]
    assert isinstance(gate, Gate)
    walk = asyncio.create_task(engine.orchestrator(attempts=3).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    assert (await engine.service.get(run.id)).attempts == 0
    gate.opened.set()
    await soon(walk)


async def everything(engine: Engine) -> list[object]:
    """All that a walk writes."""
    async with engine.database.transaction() as session:
        rows = []
        for table in ("phase_runs", "events", "artifacts", CommitIntent.__tablename__, "pgqueuer"):
            rows += (await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()  # noqa: S608
        return [*rows, *(await session.execute(text("SELECT * FROM pipelines"))).all()]
