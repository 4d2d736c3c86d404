"""Cancelling: at once when nothing runs, by the worker when something does, never once it commits."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from app.errors import Conflict
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.tables import CommitIntent, Outcome, Target
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox
from tests.db.scripted import Doing, Engine, Gate, Scripted, rejected, soon, until, working


async def test_a_run_that_does_not_run_is_cancelled_at_once(engine: Engine) -> None:
    for run in (await engine.create(Scripted()), await engine.queued(Scripted())):
        cancelled = await engine.service.cancel(run.id)
        assert (cancelled.state, cancelled.error) == ("cancelled", None)
        assert cancelled.finished_at is not None
        assert (await engine.walk(run)).state == "cancelled"


async def test_cancelling_stops_the_phase_under_way(engine: Engine) -> None:
    gate, after = Gate(), Scripted()
    run = await engine.queued(gate, after)
    walk = asyncio.create_task(engine.orchestrator(lease_s=1).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    assert (await engine.service.cancel(run.id)).asked == "cancel"
    assert await soon(walk) is None
    assert gate.stopped
    assert (await engine.service.get(run.id)).state == "cancelled"
    assert await engine.outcomes(run.id) == [("a", "cancelled")]
    assert [event.kind for event in await engine.events(run.id)][-3:] == [
        "cancel_requested",
        "phase_finished",
        "cancelled",
    ]
    assert after.seen == []


@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox")
async def test_cancelling_ends_the_processes_of_the_phase(engine: Engine, state_dir: Path) -> None:
    started = asyncio.Event()
    inside = state_dir / "files"
    inside.mkdir(mode=0o755)
    (inside / "forever.py").write_text("import time\nprint('on', flush=True)\ntime.sleep(600)\n")

    async def run_it(context: PhaseContext) -> PhaseResult:
        started.set()
        argv = ("{python}", "forever.py", f"mark-{context.pipeline_id}")
        await Sandbox().run(inside, Command(argv, Path(sys.executable)), Limits(wall_s=600))
        return PhaseResult(Outcome.PASSED)

    run = await engine.queued(Doing(run_it))
    walk = asyncio.create_task(engine.orchestrator(lease_s=1).handle(run.id, asyncio.Event()))
    await soon(started.wait())
    mark = f"mark-{run.id}"
    await until(lambda: processes(mark) != [])
    await engine.service.cancel(run.id)
    await soon(walk)
    await until(lambda: processes(mark) == [])
    assert (await engine.service.get(run.id)).state == "cancelled"


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("ending", ["passes", "is rejected", "fails"])
async def test_a_cancel_that_meets_the_end_of_a_phase_is_not_forgotten(
    engine: Engine, target: Target, ending: str
) -> None:
    async def cancel_and_end(context: PhaseContext) -> PhaseResult:
        await engine.service.cancel(context.pipeline_id)
        if ending == "fails":
            raise Conflict("the run is being cancelled")
        return PhaseResult(Outcome.PASSED) if ending == "passes" else rejected("no")

    run = await engine.create(
        Scripted(), Doing(cancel_and_end), Scripted(), b={"on_reject": "a", "max_rework": 1}
    )
    await engine.service.start(run.id, target)
    await engine.walk(run)
    if target is Target.STEP:
        await engine.service.start(run.id, target)
        await engine.walk(run)
    ended = await engine.service.get(run.id)
    assert (ended.state, ended.position) == ("cancelled", 1)


async def test_a_cancel_whose_worker_died_is_done_by_the_next_worker(engine: Engine) -> None:
    gate = Gate()
    run = await engine.queued(gate)
    dying = asyncio.create_task(engine.orchestrator(lease_s=0.5).handle(run.id, asyncio.Event()))
    await soon(gate.entered.wait())
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await engine.service.cancel(run.id)
    async with working(engine.worker("other")):
        await soon(engine.service.wait_until_still(run.id))
    assert (await engine.service.get(run.id)).state == "cancelled"
    assert len(gate.seen) == 1


async def test_a_run_that_commits_can_no_longer_be_cancelled(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    async with engine.database.transaction() as session:
        session.add(CommitIntent(pipeline_id=run.id, branch="b", parent="p", message="m", files=[]))
    with pytest.raises(Conflict, match="commit has begun"):
        await engine.service.cancel(run.id)
    assert (await engine.service.get(run.id)).asked is None


async def test_a_finished_run_is_not_cancelled(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted()))
    with pytest.raises(Conflict, match="the run has succeeded"):
        await engine.service.cancel(run.id)


def processes(mark: str) -> list[str]:
    """Ids of the processes that have the mark among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and mark.encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
