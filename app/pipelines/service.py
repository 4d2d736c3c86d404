"""What people and surfaces do with runs: create, start, step, cancel, look."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid, TooLarge
from app.pipelines import creation, events, retrying, store, waits
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.creation import NewRun, Pinned
from app.pipelines.retrying import Again
from app.pipelines.snapshot import Policy, PolicyDraft
from app.pipelines.states import TERMINAL, check_move
from app.pipelines.waits import Verdict
from app.queue.signals import ASKED, Signals, announce, wait
from app.queue.wakeups import wake
from app.tables import Asked, CommitIntent, PhaseRun, Pipeline, Priority, State, Target, WorkerRow
from app.usage import budgets
from app.usage.budget import BudgetState
from app.usage.budget import Defaults as BudgetDefaults

MAX_EPIC_CHARS = 20_000
WORKER_ALIVE_S = 15
"""A worker that gave no sign for this long counts as gone."""


@dataclass(frozen=True)
class Defaults:
    """What a run gets when its creator names nothing."""

    definition: str = "software"
    project: str | None = None
    profile: str | None = None
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Step:
    """What came of asking for one phase."""

    pipeline: Pipeline
    phase_run: PhaseRun | None
    """The phase that ran; None: it is still under way."""


class PipelineService:
    """The one way to change a run from outside a worker."""

    def __init__(
        self,
        database: Database,
        loader: ConfigurationLoader,
        signals: Signals,
        defaults: Defaults | None = None,
    ) -> None:
        self._database = database
        self._loader = loader
        self._signals = signals
        self._defaults = defaults or Defaults()

    async def create(
        self,
        epic_description: str,
        *,
        definition: str | None = None,
        project: str | None = None,
        profile: str | None = None,
        policy: PolicyDraft | None = None,
    ) -> Pipeline:
        """Pin the definition as it is now and insert the run, `created`.

        `profile` answers every phase in place of the routes. Raises `Invalid`, `TooLarge`, `NotFound`.
        """
        epic = check_epic(epic_description)
        pinned = await self.pin(definition, project, profile, policy)
        return await self._insert(pinned, NewRun(epic))

    async def pin(
        self,
        definition: str | None = None,
        project: str | None = None,
        profile: str | None = None,
        policy: PolicyDraft | None = None,
    ) -> Pinned:
        """What new runs would pin now; None: the defaults. Raises `Invalid`, `NotFound`, `Conflict`."""
        return await creation.pin(
            self._database,
            self._loader,
            definition=definition or self._defaults.definition,
            project=project or self._defaults.project,
            profile=profile or self._defaults.profile,
            policy=self.policy(policy),
        )

    def policy(self, given: PolicyDraft | None = None) -> Policy:
        """What the cascades of a run may do; what is not given is as the settings say."""
        return (given or PolicyDraft()).over(self._defaults.policy)

    async def retry(self, pipeline_id: UUID, again: Again) -> Pipeline:
        """A new run that goes on from a phase of a finished one, with its earlier artifacts.

        It is `created`, with the snapshot and the base commit of the old one. Raises `Conflict` for a run
        that is not finished, `Invalid` for a phase or an artifact that does not fit.
        """
        async with self._database.transaction() as session:
            run = await store.get(session, pipeline_id)
            if State(run.state) not in TERMINAL:
                raise Conflict(f"the run is {run.state}; only a finished run is retried", state=run.state)
            snapshot = await store.snapshot(session, run.snapshot)
            start = retrying.first_phase(snapshot, run.position, again.from_phase)
            retrying.check_left_out(snapshot, start, run.position, again)
            pinned = Pinned(snapshot, run.project_id, run.base_commit)
            new = NewRun(run.epic_description, Priority(run.priority), retry_of=run.id, position=start)
            [new_id] = await creation.insert(session, pinned, [new], queue=False)
            await retrying.take_over(session, run.id, new_id, snapshot, start, again)
        return await self.get(new_id)

    async def _insert(self, pinned: Pinned, run: NewRun) -> Pipeline:
        async with self._database.transaction() as session:
            [pipeline_id] = await creation.insert(session, pinned, [run], queue=False)
        return await self.get(pipeline_id)

    async def start(
        self, pipeline_id: UUID, target: Target = Target.END, *, wake_up: bool = True
    ) -> Pipeline:
        """Queue the run: to the end, or for exactly one phase. Raises `Conflict` that says why not.

        Without `wake_up` no worker is told: the caller walks the run itself.
        """
        async with self._database.transaction() as session:
            run = await store.get(session, pipeline_id, lock=True)
            if run.state == State.WAITING:
                raise Conflict(f"the run waits for {run.reason}", state=run.state, reason=run.reason)
            if run.state in (State.QUEUED, State.RUNNING):
                raise Conflict(
                    f"the run is {run.state} already; wait until the phase has ended", state=run.state
                )
            check_move(State(run.state), State.QUEUED)
            run.state = State.QUEUED
            run.reason = None
            run.target = target
            run.updated_at = func.clock_timestamp()
            if wake_up:
                await wake(session, {run.id: run.priority})
            await events.append(session, run, "queued", {"target": target.value})
        return run

    async def advance(self, pipeline_id: UUID, wait_s: float) -> Step:
        """Run exactly one phase and wait for it, at most `wait_s` seconds.

        Does not wait when no worker is alive. A caller that goes away cancels nothing.
        """
        async with self._signals.watch(pipeline_id) as changed:
            before = await self._last_phase_run(pipeline_id)  # a worker may be faster than we are
            run = await self.start(pipeline_id, Target.STEP)
            deadline = time.monotonic() + wait_s
            while run.state in (State.QUEUED, State.RUNNING):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not await self.workers():
                    return Step(run, None)
                await wait(changed, remaining)
                run = await self.get(pipeline_id)
        last = await self._last_phase_run(pipeline_id)
        return Step(run, last if last and (before is None or last.id > before.id) else None)

    async def wait_until_still(self, pipeline_id: UUID) -> Pipeline:
        """Wait until no worker has anything to do for the run."""
        async with self._signals.watch(pipeline_id) as changed:
            while (run := await self.get(pipeline_id)).state in (State.QUEUED, State.RUNNING):
                await wait(changed, WORKER_ALIVE_S)
        return run

    async def cancel(self, pipeline_id: UUID) -> Pipeline:
        """End the run. A phase under way is stopped by its worker. Raises `Conflict` once it commits."""
        async with self._database.transaction() as session:
            run = await store.get(session, pipeline_id, lock=True)
            check_move(State(run.state), State.CANCELLED)
            if await session.get(CommitIntent, run.id) is not None:
                raise Conflict("the commit has begun; it can no longer be cancelled", state=run.state)
            if run.state == State.RUNNING:
                await _ask(session, run, Asked.CANCEL)
            else:
                await waits.withdraw(session, run, State.CANCELLED.value)
                run.state = State.CANCELLED
                run.reason = run.asked = None
                run.finished_at = run.updated_at = func.clock_timestamp()
                await events.append(session, run, "cancelled", {})
        return await self.get(pipeline_id)

    async def pause(self, pipeline_id: UUID) -> Pipeline:
        """Stop the run before its next phase; the phase under way ends first. Raises `Conflict`."""
        async with self._database.transaction() as session:
            run = await store.get(session, pipeline_id, lock=True)
            if run.state == State.WAITING:
                raise Conflict(f"the run waits for {run.reason} and does nothing", state=run.state)
            check_move(State(run.state), State.PAUSED)
            if run.state == State.RUNNING:
                await _ask(session, run, Asked.PAUSE)
            else:
                run.state = State.PAUSED
                run.reason = "user"
                run.updated_at = func.clock_timestamp()
                await events.append(session, run, "paused", {"reason": "user"})
        return await self.get(pipeline_id)

    async def resume(self, pipeline_id: UUID) -> Pipeline:
        """Let a paused run go on to its end; takes back a pause that has not happened yet."""
        async with self._database.transaction() as session:
            run = await store.get(session, pipeline_id, lock=True)
            if run.asked == Asked.PAUSE:
                run.asked = None
                await events.append(session, run, "pause_taken_back", {})
                return run
            if run.state != State.PAUSED:
                raise Conflict(f"the run is {run.state}, not paused", state=run.state)
        return await self.start(pipeline_id)

    async def decide(self, pipeline_id: UUID, verdict: Verdict) -> Pipeline:
        """Approve or reject what the run waits for; see `waits.decide`."""
        async with self._database.transaction() as session:
            await waits.decide(session, pipeline_id, verdict)
        return await self.get(pipeline_id)

    async def change_budget(
        self, name: str, limits: Mapping[str, Decimal | int | None], defaults: BudgetDefaults, by: str
    ) -> BudgetState:
        """Set limits, see `budgets.change`; the runs that wait for this budget go on."""
        async with self._database.transaction() as session:
            state = await budgets.change(session, name, limits, defaults)
        async with self._database.transaction() as session:  # no call waits for both rows of a run
            await waits.grant_budget(session, name, by)
        return state

    async def receive(self, pipeline_id: UUID, name: str, data: Mapping[str, Any], by: str) -> Pipeline:
        """Hand an event from outside to the run; see `waits.receive`."""
        async with self._database.transaction() as session:
            await waits.receive(session, pipeline_id, name, data, by)
        return await self.get(pipeline_id)

    async def get(self, pipeline_id: UUID) -> Pipeline:
        """Raises `NotFound`."""
        async with self._database.transaction() as session:
            return await store.get(session, pipeline_id)

    async def workers(self) -> int:
        """Worker processes that gave a sign lately."""
        async with self._database.transaction() as session:
            age = func.extract("epoch", func.clock_timestamp() - WorkerRow.seen_at)
            count = await session.scalar(select(func.count()).where(age < WORKER_ALIVE_S))
            return count or 0

    async def _last_phase_run(self, pipeline_id: UUID) -> PhaseRun | None:
        async with self._database.transaction() as session:
            runs = await store.phase_runs(session, pipeline_id)
            return runs[-1] if runs else None


def check_epic(text: str) -> str:
    """The text without surrounding space. Raises `Invalid` or `TooLarge`."""
    epic = text.strip()
    if not epic:
        raise Invalid("the epic is empty: say what is to be built", place="epic_description")
    if len(epic) > MAX_EPIC_CHARS:
        raise TooLarge(
            f"the epic has {len(epic):,} characters; at most {MAX_EPIC_CHARS:,} are allowed",
            place="epic_description",
        )
    if "\x00" in epic or any("\ud800" <= char <= "\udfff" for char in epic):
        raise Invalid("the epic holds characters that no text may hold", place="epic_description")
    return epic


def is_finished(run: Pipeline) -> bool:
    return State(run.state) in TERMINAL


async def _ask(session: AsyncSession, run: Pipeline, what: Asked) -> None:
    """Tell the worker that holds the run. Raises `Conflict` when it has been told already."""
    if run.asked == what:
        raise Conflict(f"the run was asked to {what} already; its worker is about to", state=run.state)
    if run.asked == Asked.CANCEL:
        raise Conflict("the run is being cancelled", state=run.state)
    run.asked = what
    await events.append(session, run, f"{what}_requested", {})
    await announce(session, run.id, channel=ASKED)
