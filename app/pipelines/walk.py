"""One walk of one run under one lease: open a phase, do the slow thing with no transaction open, close it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import psycopg

from app.db import LOST, patiently
from app.digests import as_stored
from app.pipelines import checkpoints, history, waits
from app.pipelines.attempts import never_ended
from app.pipelines.checkpoints import AskedMeanwhile, Checkpoint, Ended, Written
from app.pipelines.history import History
from app.pipelines.interruption import DRAINED, Interruption
from app.pipelines.journal import entries
from app.pipelines.keeper import Kept
from app.pipelines.moves import Move, Standing, Wishes, after
from app.pipelines.performing import DATABASE_LOST, LOCAL_FAULT, failure, perform
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.project import ProjectSpec
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.pipelines.snapshots import UnreadableSnapshot
from app.pipelines.work import Work
from app.queue.wakeups import wake
from app.tables import Asked, Decision, Outcome, State

log = logging.getLogger(__name__)
T = TypeVar("T")

UNSTORABLE = (TypeError, ValueError, LookupError, psycopg.DataError)
"""What a result raises that is no JSON, lacks a part, or holds what Postgres can not."""
FREE_LOSSES = 10
"""So often a phase may lose the database before that burns attempts: it may be what the database dies of."""
LONGEST_PAUSE_S = 30.0
"""Between two tries of a phase that loses the database again and again; the first is half a second."""


@dataclass(frozen=True)
class Opened:
    """The phase that is under way."""

    phase_run_id: int
    spec: PhaseSpec
    is_first_try: bool
    """Nobody was asked anything in it before."""


class Walk:
    """Ends when the run ends, pauses, waits, is handed back, or belongs to somebody else."""

    def __init__(
        self,
        work: Work,
        kept: Kept,
        draining: asyncio.Event,
        survived: Callable[[], None] = lambda: None,
    ) -> None:
        """`survived` is called whenever a phase was closed."""
        self._work = work
        self._survived = survived
        self._kept = kept
        self._held = kept.held
        self._draining = draining
        self._at = Standing(kept.held.position, kept.held.round)
        self._history = History()
        self._again: timedelta | None = None

    async def go(self) -> timedelta | None:
        """After how long to take the run again, or None. Raises `StaleFence` once another worker has it."""
        try:
            snapshot = await self._patiently(self._load, "a run that was taken")
        except UnreadableSnapshot as error:
            await self._end(State.FAILED, {"code": error.code, "message": error.message})
            return None
        opened = await self._open(snapshot)
        async with Interruption(self._kept, self._draining, self._work.patience.drain_s) as interruption:
            while opened is not None:
                result = await interruption.perform(self._perform(snapshot, opened))
                opened = await self._close(snapshot, opened, result)
        return self._again

    async def give_up(self, cap: int) -> None:
        """Fail a run that was taken again and again in vain."""
        async with self._work.database.connection() as connection:
            await checkpoints.abandon(connection, self._held)
            found = await history.load(connection, self._held.lease.pipeline_id)
        phase = await self._phase_name()
        message = never_ended(phase, cap, found.in_vain)
        await self._end(State.FAILED, {"phase": phase, "code": "too_many_attempts", "message": message})

    async def _phase_name(self) -> str:
        try:
            snapshot = await self._work.snapshots.get(self._work.database, self._held.snapshot)
        except UnreadableSnapshot:
            return f"number {self._at.position + 1}"
        return snapshot.phases[self._at.position].name

    async def _load(self) -> Snapshot:
        """What the run pinned, and what happened to it so far."""
        if not self._held.is_fresh:
            async with self._work.database.connection() as connection:
                await checkpoints.abandon(connection, self._held)
                self._history = await history.load(connection, self._held.lease.pipeline_id)
        return await self._work.snapshots.get(self._work.database, self._held.snapshot)

    async def _open(self, snapshot: Snapshot) -> Opened | None:
        """The first phase of this walk. None: a person had asked to end or pause the run."""
        while True:
            move = self._before()
            spec = snapshot.phases[self._at.position] if move.goes_on else None
            events = entries(move, None, spec)
            attempts = self._held.attempts - (not move.goes_on)  # a pick-up that only ends or pauses is none
            checkpoint = Checkpoint(move, attempts, events, opens=spec)
            with suppress(AskedMeanwhile):
                written = await self._write(checkpoint)
                return self._opened(written, spec, is_first_try=self._held.is_fresh)

    def _before(self) -> Move:
        match self._held.asked:
            case Asked.CANCEL:
                return Move(State.CANCELLED, self._at)
            case Asked.PAUSE:
                return Move(State.PAUSED, self._at, "user")
            case _:
                return Move(State.RUNNING, self._at)

    async def _close(self, snapshot: Snapshot, opened: Opened, result: PhaseResult) -> Opened | None:
        """Write the result down and open the next phase with it. None: the walk is over."""
        spec = opened.spec
        if result.outcome in (Outcome.REJECTED, Outcome.SUSPECT):
            self._history.rejections[spec.name] += 1
            self._history.issues = tuple(as_stored(issue) for issue in result.issues)
        while True:
            try:
                checkpoint = self._checkpoint(snapshot, opened, result)
                written = await self._write(checkpoint)
                break
            except AskedMeanwhile:
                continue
            except UNSTORABLE as error:
                log.exception("the result of phase %s can not be stored", spec.name)
                words = f"the result can not be stored: {type(error).__name__}: {error}"
                result = failure("internal", words[:500], {})
        move = checkpoint.move
        if result.artifact is not None and spec.artifact is not None:
            # a prompt made of it must be the same after a crash, when it is read: its answer is found by that
            self._history.artifacts[spec.artifact] = as_stored(result.artifact)
        self._at = move.at
        self._plan_again(result)
        self._survived()
        await self._let_go(move, written)
        begun_in_vain = result.outcome is Outcome.ABANDONED
        return self._opened(written, checkpoint.opens, is_first_try=not begun_in_vain)

    def _checkpoint(self, snapshot: Snapshot, opened: Opened, result: PhaseResult) -> Checkpoint:
        """The end of this phase, and the begin of the one that follows."""
        name = opened.spec.name
        wishes = Wishes(self._held.target, self._held.asked, self._draining.is_set())
        move = after(snapshot, self._at, result, self._history.rejections[name], wishes)
        following = snapshot.phases[move.at.position] if move.goes_on else None
        return Checkpoint(
            move,
            attempts=self._attempts(result),
            events=entries(move, (opened.spec, self._at.round, result), following),
            ended=Ended(opened.phase_run_id, opened.spec, result),
            replaces=opened.spec.artifact in self._history.artifacts,
            opens=following,
            is_first_try=True,  # what comes after this phase in this round has not been reached before
        )

    def _attempts(self, result: PhaseResult) -> int:
        """A drain burns none; nor does a lost database, but not for ever."""
        if result.outcome is not Outcome.ABANDONED:
            return 0
        code = result.detail.get("code", "")
        free = code == DATABASE_LOST and self._history.in_vain[code] < FREE_LOSSES
        return self._held.attempts - (free or code == DRAINED)

    def _plan_again(self, result: PhaseResult) -> None:
        """A phase that was begun in vain begins anew after a pause that doubles each time."""
        if result.outcome is not Outcome.ABANDONED:
            self._history.in_vain.clear()
            self._held.attempts = 1  # what was counted before belongs to the phase that is closed
        elif (code := result.detail.get("code", "")) != DRAINED:
            pause = min(0.5 * 2 ** self._history.in_vain[code], LONGEST_PAUSE_S)
            self._again = timedelta(seconds=pause)

    async def _let_go(self, move: Move, written: Written) -> None:
        """Tell the workers of a run that is theirs now. A sweep finds it too, should this fail."""
        decided = written.decision is not None and written.decision != Decision.OPEN
        if not decided and (move.state is not State.QUEUED or self._again is not None):
            return
        with suppress(*LOST):
            async with self._work.database.transaction() as session:
                if decided:  # the event came before anybody waited for it
                    await waits.resume(session, self._held.lease.pipeline_id)
                else:
                    await wake(session, {self._held.lease.pipeline_id: self._held.priority})

    async def _end(self, state: State, error: Mapping[str, Any]) -> None:
        """End a run that no phase can be opened for."""
        while True:
            move = Move(state, self._at, error=error)
            if self._held.asked is Asked.CANCEL:
                move = Move(State.CANCELLED, self._at)
            with suppress(AskedMeanwhile):
                await self._write(Checkpoint(move, self._held.attempts, entries(move, None, None)))
                return

    def _opened(self, written: Written, spec: PhaseSpec | None, *, is_first_try: bool) -> Opened | None:
        if spec is None or written.opened is None:
            return None
        return Opened(written.opened, spec, is_first_try)

    async def _write(self, checkpoint: Checkpoint) -> Written:
        """Until the database has it. A result in hand outlives an outage; the fence keeps it single.

        Raises `StaleFence`, and `AskedMeanwhile` after it took note of what was asked.
        """
        unsure = False

        async def write() -> Written:
            nonlocal unsure
            async with self._work.database.connection() as connection:
                done = await checkpoints.reached(connection, self._held, checkpoint) if unsure else None
                unsure = True  # from here on it may be written, whatever is heard of it
                return done or await checkpoints.write(connection, self._held, checkpoint)

        try:
            written = await self._patiently(write, "a checkpoint")
        except AskedMeanwhile as meanwhile:
            self._held.asked = meanwhile.asked
            raise
        self._work.announcer.tell(self._held.lease.pipeline_id)
        return written

    async def _patiently(self, act: Callable[[], Awaitable[T]], what: str) -> T:
        return await patiently(act, self._work.patience.database_s, what)

    async def _perform(self, snapshot: Snapshot, opened: Opened) -> PhaseResult:
        try:
            context = await self._context(snapshot, opened)
        except LOST:
            return PhaseResult(Outcome.ABANDONED, detail={"code": DATABASE_LOST})
        again = not self._history.in_vain[LOCAL_FAULT]
        return await perform(self._work.kinds, context, again=again)

    async def _context(self, snapshot: Snapshot, opened: Opened) -> PhaseContext:
        held = self._held
        reworks = snapshot.reworks(opened.spec.name, self._history.rejections)
        return PhaseContext(
            pipeline_id=held.lease.pipeline_id,
            phase_run_id=opened.phase_run_id,
            fence=held.lease.fence,
            epic_description=held.epic_description,
            snapshot=snapshot,
            spec=opened.spec,
            round=self._at.round,
            project=await self._patiently(self._project, "a phase"),
            base_commit=held.base_commit,
            artifacts=dict(self._history.artifacts),
            issues=self._history.issues if reworks else (),
            reworks=reworks,
            progress=self._progress,
            priority=held.priority,
            group=held.group,
            is_retry=held.is_retry,
            is_first_try=opened.is_first_try,
            decisions=self._history.decisions,
        )

    async def _project(self) -> ProjectSpec | None:
        """As it is configured now."""
        if self._held.project_id is None:
            return None
        async with self._work.database.connection() as connection:
            return await history.project(connection, self._held.project_id)

    async def _progress(self, kind: str, data: Any) -> None:
        async with self._work.database.connection() as connection:
            await checkpoints.append(connection, self._held, kind, data)
        self._work.announcer.tell(self._held.lease.pipeline_id)
