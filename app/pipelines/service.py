"""What people and surfaces do with runs: create, start, step, cancel, look."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid, TooLarge
from app.pipelines import events, projects, store
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.phases.commit import BRANCH_FOLDER
from app.pipelines.snapshot import Snapshot
from app.pipelines.states import TERMINAL, check_move
from app.queue.signals import Signals, wait
from app.queue.wakeups import wake
from app.tables import (
    Asked,
    CommitIntent,
    DefinitionSnapshot,
    PhaseRun,
    Pipeline,
    Project,
    State,
    Target,
    WorkerRow,
)
from app.workspace.repository import branch_commit, head_commit, open_repository

MAX_EPIC_CHARS = 20_000
WORKER_ALIVE_S = 15
"""A worker that gave no sign for this long counts as gone."""
NEEDS_PROJECT = frozenset({"tests", "commit"})


@dataclass(frozen=True)
class Defaults:
    """What a run gets when its creator names nothing."""

    definition: str = "software"
    project: str | None = None
    profile: str | None = None


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
    ) -> Pipeline:
        """Pin the definition as it is now and insert the run, `created`.

        `profile` answers every phase in place of the routes. Raises `Invalid`, `TooLarge`, `NotFound`.
        """
        epic = check_epic(epic_description)
        async with self._database.transaction() as session:
            snapshot = await self._loader.load(
                session, definition or self._defaults.definition, profile or self._defaults.profile
            )
            chosen = await self._project(session, snapshot, project or self._defaults.project)
        base_commit = await _base_commit(chosen)  # git takes its time: no transaction is open meanwhile
        async with self._database.transaction() as session:
            await _keep(session, snapshot)
            row = Pipeline(
                epic_description=epic,
                definition=snapshot.definition,
                snapshot=snapshot.sha256,
                project_id=chosen.id if chosen else None,
                base_commit=base_commit,
                event_count=0,
            )
            session.add(row)
            await session.flush()
            await session.refresh(row)
            await events.append(session, row, "created", {"definition": row.definition})
        return row

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
                run.asked = Asked.CANCEL
                await events.append(session, run, "cancel_requested", {})
            else:
                run.state = State.CANCELLED
                run.reason = None
                run.finished_at = run.updated_at = func.clock_timestamp()
                await events.append(session, run, "cancelled", {})
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

    async def _project(self, session: AsyncSession, snapshot: Snapshot, name: str | None) -> Project | None:
        needed = any(phase.kind in NEEDS_PROJECT or phase.apply for phase in snapshot.phases)
        if not needed and name is None:
            return None
        project = await projects.choose(session, name)
        if project is None:
            raise Invalid(
                f"{snapshot.definition} works on a repository and no project is registered: "
                "POST /projects, or workbench run --repo PATH",
                place="project",
            )
        return project


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


async def _keep(session: AsyncSession, snapshot: Snapshot) -> None:
    """Equal snapshots are stored once."""
    body = snapshot.model_dump(mode="json")
    await session.execute(
        insert(DefinitionSnapshot).values(sha256=snapshot.sha256, body=body).on_conflict_do_nothing()
    )


async def _base_commit(project: Project | None) -> str | None:
    """The commit the run starts from, fixed at its creation."""
    if project is None:
        return None
    repository = await open_repository(Path(project.path))
    if await branch_commit(repository, BRANCH_FOLDER) is not None:
        raise Conflict(
            f"{project.path} has a branch {BRANCH_FOLDER!r}, so git can not make "
            f"{BRANCH_FOLDER}/<run id>: rename that branch"
        )
    return await head_commit(repository, project.base_branch)
