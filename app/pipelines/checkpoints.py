"""The short fenced transactions of a walk: open a phase, close it, hand back, give up, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.errors import WorkbenchError
from app.pipelines import events, store
from app.pipelines.leases import Lease, fenced
from app.pipelines.phases.kind import PhaseResult, ProjectSpec
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.pipelines.states import check_move
from app.queue.wakeups import wake
from app.tables import Outcome, PhaseRun, Pipeline, Project, State, Target


@dataclass(frozen=True)
class Opened:
    """A phase that is about to run, with all it may read."""

    phase_run_id: int
    epic_description: str
    snapshot: Snapshot
    spec: PhaseSpec
    round: int
    project: ProjectSpec | None
    base_commit: str | None
    artifacts: dict[str, Any]
    issues: tuple[Mapping[str, str], ...]


async def open_phase(session: AsyncSession, lease: Lease) -> Opened | None:
    """Write down that the next phase runs. None: the run was cancelled meanwhile."""
    run = await fenced(session, lease)
    await _abandon_running(session, run)
    if run.asked == "cancel":
        await _finish(session, run, State.CANCELLED, None)
        return None
    snapshot = await store.snapshot(session, run.snapshot)
    spec = snapshot.phases[run.position]
    row = PhaseRun(
        pipeline_id=run.id,
        phase=spec.name,
        kind=spec.kind,
        item="",
        round=run.round,
        attempt=await store.tries(session, run.id, spec.name, "", run.round),
        fence=lease.fence,
    )
    session.add(row)
    await session.flush()
    await events.append(
        session, run, "phase_started", {"phase": spec.name, "round": run.round, "kind": spec.kind}
    )
    rejection = await store.last_rejection(session, run.id) if run.round else None
    return Opened(
        phase_run_id=row.id,
        epic_description=run.epic_description,
        snapshot=snapshot,
        spec=spec,
        round=run.round,
        project=await _project(session, run),
        base_commit=run.base_commit,
        artifacts=await artifacts.current(session, run.id),
        issues=tuple((rejection.detail or {}).get("issues", ())) if rejection else (),
    )


async def close_phase(session: AsyncSession, lease: Lease, opened: Opened, result: PhaseResult) -> bool:
    """Write the result down and move the run. Returns whether the walk goes on."""
    run = await fenced(session, lease)
    run.attempts = 0
    await _end_phase_run(session, opened, result)
    if result.artifact is not None:
        await _keep_artifact(session, run, opened, result.artifact)
    await events.append(
        session,
        run,
        "phase_finished",
        {
            "phase": opened.spec.name,
            "round": opened.round,
            "outcome": result.outcome,
            "issues": list(result.issues),
            **_failure_of(result),
        },
    )
    if run.asked == "cancel":
        await _finish(session, run, State.CANCELLED, None)
        return False
    match result.outcome:
        case Outcome.PASSED:
            return await _advance(session, run, opened)
        case Outcome.REJECTED | Outcome.SUSPECT:
            return await _send_back(session, run, opened, result)
        case _:
            await _finish(session, run, State.FAILED, {"phase": opened.spec.name, **dict(result.detail)})
            return False


async def note(session: AsyncSession, lease: Lease, kind: str, data: Mapping[str, Any]) -> None:
    """Add an event while a phase is under way."""
    await events.append(session, await fenced(session, lease), kind, data)


async def hand_back(session: AsyncSession, lease: Lease) -> None:
    """Give the run to another worker: this one drains. No attempt is burnt."""
    run = await fenced(session, lease)
    _move(run, State.QUEUED)
    await wake(session, {run.id: run.priority})
    await events.append(session, run, "handed_back", {})


async def fail(session: AsyncSession, lease: Lease, error: WorkbenchError) -> None:
    """End a run that no phase can be opened for."""
    run = await fenced(session, lease)
    await _abandon_running(session, run)
    await _finish(session, run, State.FAILED, {"code": error.code, "message": error.message})


async def give_up(session: AsyncSession, lease: Lease, cap: int) -> None:
    """Fail a run whose workers died again and again."""
    run = await fenced(session, lease)
    await _abandon_running(session, run)
    snapshot = await store.snapshot(session, run.snapshot)
    phase = snapshot.phases[run.position].name
    message = f"phase {phase} was started {cap} times and its worker died each time"
    await _finish(
        session, run, State.FAILED, {"phase": phase, "code": "too_many_attempts", "message": message}
    )


async def cancel(session: AsyncSession, lease: Lease) -> None:
    """End a run that was stopped in the middle of a phase."""
    run = await fenced(session, lease)
    await session.execute(
        update(PhaseRun)
        .where(PhaseRun.pipeline_id == run.id, PhaseRun.outcome == Outcome.RUNNING)
        .values(outcome=Outcome.CANCELLED, ended_at=func.clock_timestamp())
    )
    await _finish(session, run, State.CANCELLED, None)


async def _advance(session: AsyncSession, run: Pipeline, opened: Opened) -> bool:
    run.position += 1
    if run.position == len(opened.snapshot.phases):
        await _finish(session, run, State.SUCCEEDED, None)
        return False
    return await _next(session, run)


async def _send_back(session: AsyncSession, run: Pipeline, opened: Opened, result: PhaseResult) -> bool:
    spec = opened.spec
    rejections = await store.rejections(session, run.id, spec.name)
    if spec.on_reject is None or rejections > spec.max_rework:
        found = "; ".join(issue["text"] for issue in result.issues)[:1000]
        times = "1 rework" if spec.max_rework == 1 else f"{spec.max_rework} reworks"
        again = f" after {times}" if spec.on_reject else ""
        await _finish(
            session,
            run,
            State.FAILED,
            {
                "phase": spec.name,
                "code": "rejected" if result.outcome is Outcome.REJECTED else "suspect",
                "message": f"{spec.name} did not pass{again}: {found}",
            },
        )
        return False
    run.position = opened.snapshot.index(spec.on_reject)
    run.round += 1
    return await _next(session, run)


async def _next(session: AsyncSession, run: Pipeline) -> bool:
    """Go on, or pause after one phase when that is what was asked for."""
    if run.target == Target.STEP:
        _move(run, State.PAUSED, "step")
        await events.append(session, run, "paused", {"reason": "step"})
        return False
    run.updated_at = func.clock_timestamp()
    return True


async def _finish(session: AsyncSession, run: Pipeline, state: State, error: dict[str, Any] | None) -> None:
    run.error = error
    run.finished_at = func.clock_timestamp()
    _move(run, state)
    await events.append(session, run, state.value, {"error": error} if error else {})


def _move(run: Pipeline, to: State, reason: str | None = None) -> None:
    """Every move of a walk gives the lease back."""
    check_move(State(run.state), to)
    run.state = to
    run.reason = reason
    run.worker = None
    run.lease_expires_at = None
    run.updated_at = func.clock_timestamp()


async def _abandon_running(session: AsyncSession, run: Pipeline) -> None:
    """Phase runs of a worker that died are over; this worker starts them anew."""
    await session.execute(
        update(PhaseRun)
        .where(PhaseRun.pipeline_id == run.id, PhaseRun.outcome == Outcome.RUNNING)
        .values(outcome=Outcome.ABANDONED, ended_at=func.clock_timestamp())
    )


async def _end_phase_run(session: AsyncSession, opened: Opened, result: PhaseResult) -> None:
    await session.execute(
        update(PhaseRun)
        .where(PhaseRun.id == opened.phase_run_id)
        .values(
            outcome=result.outcome,
            ended_at=func.clock_timestamp(),
            detail={"issues": [dict(issue) for issue in result.issues], **result.detail},
        )
    )


async def _keep_artifact(session: AsyncSession, run: Pipeline, opened: Opened, body: dict[str, Any]) -> None:
    spec = opened.spec
    if spec.artifact is None or spec.output is None:
        raise ValueError(f"phase {spec.name} has an artifact but its configuration names none")
    await artifacts.add(
        session,
        pipeline_id=run.id,
        phase_run_id=opened.phase_run_id,
        name=spec.artifact,
        schema=spec.output.name,
        schema_digest=spec.output.digest,
        body=body,
    )


def _failure_of(result: PhaseResult) -> dict[str, Any]:
    return {key: result.detail[key] for key in ("code", "message") if key in result.detail}


async def _project(session: AsyncSession, run: Pipeline) -> ProjectSpec | None:
    row = await session.scalar(select(Project).where(Project.id == run.project_id))
    if row is None:
        return None
    return ProjectSpec(
        name=row.name,
        path=row.path,
        test_command=tuple(row.test_command),
        python=row.python,
        protected_paths=tuple(row.protected_paths),
        permitted_paths=tuple(row.permitted_paths),
    )
