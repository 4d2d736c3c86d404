"""What runs wait for, and how it is decided: by a person, an event from outside, or a deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, Invalid, SchemaMismatch, unknown
from app.pipelines import events, store
from app.pipelines.snapshot import Snapshot
from app.pipelines.states import TERMINAL
from app.queue.wakeups import wake
from app.tables import Asked, Decision, Pipeline, State, Wait, WaitReason

BY_DEADLINE = "deadline"

EXPIRED = """
    SELECT id FROM waits WHERE decision = 'open' AND deadline < clock_timestamp()
    ORDER BY id LIMIT 100
"""
STRANDED = """
    SELECT pipelines.id FROM pipelines
    WHERE state = 'waiting' AND NOT EXISTS (
        SELECT FROM waits WHERE pipeline_id = pipelines.id AND decision = 'open'
    ) LIMIT 100
"""
"""Runs whose wait was decided while their worker wrote it down, and then died."""


class OtherContent(Conflict):
    """What was looked at is not what the run would go on with."""

    code = "other_content"


@dataclass(frozen=True)
class Verdict:
    """What a person decided."""

    granted: bool
    by: str
    comment: str | None = None
    content_sha256: str | None = None
    """What was looked at."""


async def decide(session: AsyncSession, pipeline_id: UUID, verdict: Verdict) -> Pipeline:
    """Decide what the run waits for. Raises `Conflict`, `OtherContent` or `Invalid` that says why not."""
    run = await store.get(session, pipeline_id, lock=True)
    wait = await _open(session, run)
    if wait is None:
        raise Conflict(f"the run is {run.state}; nothing of it waits for a decision", state=run.state)
    if wait.reason == WaitReason.EVENT:
        raise Conflict(
            f"the run waits for the event {wait.subject!r}: POST /pipelines/{run.id}/events", state=run.state
        )
    _check_content(wait, verdict)
    await _settle(session, run, wait, verdict)
    return run


async def receive(
    session: AsyncSession, pipeline_id: UUID, name: str, data: Mapping[str, Any], by: str
) -> Pipeline:
    """An event from outside. It may come before the run waits for it; the first one of a name counts."""
    run = await store.get(session, pipeline_id, lock=True)
    if State(run.state) in TERMINAL:
        raise Conflict(f"the run has {run.state}; it takes no events any more", state=run.state)
    _check_event(await store.snapshot(session, run.snapshot), name, data)
    wait = await session.scalar(
        select(Wait).where(Wait.pipeline_id == run.id, Wait.reason == WaitReason.EVENT, Wait.subject == name)
    )
    if wait is None:
        return await _note_early(session, run, name, data, by)
    if wait.decision != Decision.OPEN:
        raise Conflict(f"the run has its event {name!r} already", state=run.state)
    wait.data = dict(data)
    await _settle(session, run, wait, Verdict(granted=True, by=by))
    return run


async def grant_budget(session: AsyncSession, name: str, by: str) -> int:
    """Let go on what waits for this budget, since its limit was changed. Returns how many runs.

    `run` and `day` are those of all runs and days. Who finds the new limit too low waits anew.
    """
    is_it = Wait.subject == name
    if name in ("run", "day"):
        is_it |= Wait.subject.startswith(f"{name}:", autoescape=True)
    is_open = (Wait.decision == Decision.OPEN) & (Wait.reason == WaitReason.BUDGET)
    found = (await session.scalars(select(Wait.id).where(is_open, is_it).order_by(Wait.pipeline_id))).all()
    verdict = Verdict(granted=True, by=by, comment=f"the limit of {name} was changed")
    return sum([await _decide_open(session, wait_id, lambda _: verdict) for wait_id in found])


async def expire(session: AsyncSession) -> int:
    """Decide what nobody decided in time, and wake runs that were stranded. Returns how many."""
    expired = (await session.scalars(text(EXPIRED))).all()
    for wait_id in expired:
        await _expire(session, wait_id)
    stranded = (await session.scalars(text(STRANDED))).all()
    for pipeline_id in stranded:
        await resume(session, pipeline_id)
    return len(expired) + len(stranded)


async def resume(session: AsyncSession, pipeline_id: UUID) -> None:
    """Queue a waiting run whose wait is decided; one that does not wait is left alone.

    It pauses instead when that was asked of it while it still ran.
    """
    run = await store.get(session, pipeline_id, lock=True)
    if run.state != State.WAITING or await _open(session, run) is not None:
        return
    if run.asked == Asked.PAUSE:
        run.state, run.reason, run.asked = State.PAUSED, "user", None
        run.updated_at = func.clock_timestamp()
        await events.append(session, run, "paused", {"reason": run.reason})
        return
    run.state = State.QUEUED
    run.reason = None
    run.updated_at = func.clock_timestamp()
    await wake(session, {run.id: run.priority})
    await events.append(session, run, "queued", {"target": run.target})


async def withdraw(session: AsyncSession, run: Pipeline, by: str) -> None:
    """Nothing is decided any more for a run that ends. The caller has locked its row."""
    wait = await _open(session, run)
    if wait is not None:
        wait.decision = Decision.REFUSED
        wait.decided_at = func.clock_timestamp()
        wait.decided_by = by


async def page(
    session: AsyncSession, *, after: int = 0, limit: int = 50, reason: WaitReason | None = None
) -> Sequence[Wait]:
    """What is open, the longest first; `after` is the id of the last one seen."""
    query = select(Wait).where(Wait.decision == Decision.OPEN, Wait.id > after).order_by(Wait.id).limit(limit)
    if reason is not None:
        query = query.where(Wait.reason == reason)
    return (await session.scalars(query)).all()


async def of_run(session: AsyncSession, pipeline_id: UUID) -> Sequence[Wait]:
    """Everything the run asked for, oldest first."""
    rows = await session.scalars(select(Wait).where(Wait.pipeline_id == pipeline_id).order_by(Wait.id))
    return rows.all()


async def _open(session: AsyncSession, run: Pipeline) -> Wait | None:
    return await session.scalar(
        select(Wait)
        .where(Wait.pipeline_id == run.id, Wait.decision == Decision.OPEN)
        .order_by(Wait.id)
        .limit(1)
    )


def _check_content(wait: Wait, verdict: Verdict) -> None:
    """An approval is for exactly what was looked at."""
    if wait.content_sha256 is None:
        if verdict.content_sha256 is not None:
            raise Invalid(f"a wait for {wait.reason} has no content to approve", place="content_sha256")
        return
    if verdict.content_sha256 is None and verdict.granted:
        raise Invalid(
            f"say what you approve: content_sha256 is {wait.content_sha256}", place="content_sha256"
        )
    if verdict.content_sha256 not in (None, wait.content_sha256):
        raise OtherContent(
            f"the run would go on with {wait.content_sha256}, not with what was looked at; look again",
            content_sha256=wait.content_sha256,
        )


async def _settle(session: AsyncSession, run: Pipeline, wait: Wait, verdict: Verdict) -> None:
    wait.decision = Decision.GRANTED if verdict.granted else Decision.REFUSED
    wait.decided_at = func.clock_timestamp()
    wait.decided_by = verdict.by
    wait.comment = verdict.comment
    data = {"reason": wait.reason, "subject": wait.subject, "decision": wait.decision, "by": verdict.by}
    await events.append(session, run, "decided", data)
    await session.flush()
    await resume(session, run.id)


def _check_event(snapshot: Snapshot, name: str, data: Mapping[str, Any]) -> None:
    """Raises `NotFound` for an event that no phase waits for, `Invalid` for data that break its schema."""
    phases = {phase.name: phase for phase in snapshot.phases if phase.kind == "event"}
    if name not in phases:
        raise unknown("event of this run", name, phases)
    output = phases[name].output
    if output is None:
        return
    try:
        output.contract().validate(data)
    except SchemaMismatch as mismatch:
        raise Invalid(f"the data of {name!r} are not valid: {mismatch}", place="data") from None


async def _note_early(
    session: AsyncSession, run: Pipeline, name: str, data: Mapping[str, Any], by: str
) -> Pipeline:
    now = func.clock_timestamp()
    await session.execute(
        insert(Wait).values(
            pipeline_id=run.id,
            reason=WaitReason.EVENT,
            subject=name,
            phase="",
            round=0,
            decision=Decision.GRANTED,
            details={},
            data=dict(data),
            decided_at=now,
            decided_by=by,
        )
    )
    await events.append(session, run, "event_received", {"name": name, "by": by})
    return run


async def _expire(session: AsyncSession, wait_id: int) -> None:
    def default(wait: Wait) -> Verdict:
        granted = wait.default_decision == Decision.GRANTED
        return Verdict(granted, BY_DEADLINE, "nobody decided in time")

    await _decide_open(session, wait_id, default)


async def _decide_open(session: AsyncSession, wait_id: int, verdict: Callable[[Wait], Verdict]) -> bool:
    """Under the lock of the run: a person may decide at this very moment. False: somebody has."""
    wait = await session.get_one(Wait, wait_id)
    run = await store.get(session, wait.pipeline_id, lock=True)
    await session.refresh(wait)
    if wait.decision != Decision.OPEN:
        return False
    await _settle(session, run, wait, verdict(wait))
    return True
