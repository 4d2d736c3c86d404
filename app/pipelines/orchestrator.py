"""Walks a run through its phases: open, do the slow thing with no transaction open, close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.digests import storable
from app.errors import WorkbenchError, unknown
from app.pipelines import checkpoints, leases, store
from app.pipelines.checkpoints import Opened
from app.pipelines.leases import Busy, Lease, StaleFence
from app.pipelines.phases.kind import PhaseContext, PhaseKind, PhaseResult
from app.pipelines.snapshot import PhaseSpec
from app.pipelines.store import UnreadableSnapshot
from app.tables import Outcome

log = logging.getLogger(__name__)


ASK_AGAIN = timedelta(seconds=2)


class Cancelled(Exception):
    """Somebody asked to cancel the run while a phase was under way."""


@dataclass(frozen=True)
class LeaseTerms:
    """How long a worker holds a run, and how often a run may be picked up anew."""

    duration_s: float = 8.0
    max_attempts: int = 5
    elsewhere_s: float = 60.0
    """How long a worker without the run's repository leaves the run to others, before it fails it."""


class PhaseExecutionOrchestrator:
    """Takes a run's lease and walks it until it ends, pauses, or belongs to somebody else."""

    def __init__(
        self, database: Database, kinds: Mapping[str, PhaseKind], worker: str, terms: LeaseTerms | None = None
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._worker = worker
        self._terms = terms or LeaseTerms()

    async def handle(self, pipeline_id: UUID, draining: asyncio.Event) -> timedelta | None:
        """Use one wake-up. Returns after how long to ask again, or None when there is nothing left to do."""
        if draining.is_set():
            return timedelta(0)
        async with self._database.transaction() as session:
            place = await store.place(session, pipeline_id)
            if place is not None and place.waited_s < self._terms.elsewhere_s and not place.is_here():
                return ASK_AGAIN  # another host may have the repository
            lease = await leases.take(session, pipeline_id, self._worker, self._terms.duration_s)
        match lease:
            case None:
                return None
            case Busy():
                return lease.retry_in
            case Lease():
                return await self._hold(lease, draining)

    async def _hold(self, lease: Lease, draining: asyncio.Event) -> timedelta | None:
        """Walk while the lease is renewed beside it; whichever ends first decides."""
        walk = asyncio.create_task(self._walk(lease, draining))
        keeper = asyncio.create_task(self._keep(lease))
        try:
            await asyncio.wait({walk, keeper}, return_when=asyncio.FIRST_COMPLETED)
            ended = walk if walk.done() else keeper
        finally:
            walk.cancel()
            keeper.cancel()
            await asyncio.gather(walk, keeper, return_exceptions=True)
        try:
            await self._end(lease, ended)
        except StaleFence as stale:
            log.info("%s", stale.message)
            return timedelta(seconds=self._terms.duration_s / 2)
        return None

    async def _end(self, lease: Lease, ended: asyncio.Task[None]) -> None:
        """Write down an end that the walk itself could not. Raises what else ended it."""
        try:
            ended.result()
        except Cancelled:
            async with self._database.transaction() as session:
                await checkpoints.cancel(session, lease)
        except UnreadableSnapshot as error:
            async with self._database.transaction() as session:
                await checkpoints.fail(session, lease, error)

    async def _keep(self, lease: Lease) -> None:
        """Renew the lease for ever. Raises `StaleFence`, `Cancelled`, or what the database raises."""
        while True:
            await asyncio.sleep(self._terms.duration_s / 4)
            await self._renew(lease)

    async def _renew(self, lease: Lease) -> None:
        async with asyncio.timeout(self._terms.duration_s / 2), self._database.transaction() as session:
            if await leases.renew(session, lease, self._terms.duration_s):
                raise Cancelled

    async def _walk(self, lease: Lease, draining: asyncio.Event) -> None:
        """Phase by phase, until the run stops or the worker drains."""
        if lease.attempts > self._terms.max_attempts:
            async with self._database.transaction() as session:
                await checkpoints.give_up(session, lease, self._terms.max_attempts)
            return
        while True:
            async with self._database.transaction() as session:
                opened = await checkpoints.open_phase(session, lease)
            if opened is None:
                return
            result = await self._run(lease, opened)
            async with self._database.transaction() as session:
                goes_on = await checkpoints.close_phase(session, lease, opened, result)
            if not goes_on:
                return
            if draining.is_set():
                async with self._database.transaction() as session:
                    await checkpoints.hand_back(session, lease)
                return

    async def _run(self, lease: Lease, opened: Opened) -> PhaseResult:
        """The slow part. A typed error is the phase's result; anything else is a fault of ours."""
        context = self._context(lease, opened)
        try:
            return _checked(opened.spec, await self._kind(opened.spec.kind).run(context))
        except StaleFence:
            raise
        except WorkbenchError as error:
            return failure(error.code, error.message, error.details)
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.exception("phase %s of pipeline %s", opened.spec.name, lease.pipeline_id)
            return failure("internal", f"{type(error).__name__}: {error}"[:500], {})

    def _kind(self, name: str) -> PhaseKind:
        if name not in self._kinds:
            raise unknown("phase kind", name, self._kinds)
        return self._kinds[name]

    def _context(self, lease: Lease, opened: Opened) -> PhaseContext:
        async def progress(kind: str, data: Any) -> None:
            async with self._database.transaction() as session:
                await checkpoints.note(session, lease, kind, data)

        return PhaseContext(
            pipeline_id=lease.pipeline_id,
            phase_run_id=opened.phase_run_id,
            fence=lease.fence,
            epic_description=opened.epic_description,
            snapshot=opened.snapshot,
            spec=opened.spec,
            round=opened.round,
            project=opened.project,
            base_commit=opened.base_commit,
            artifacts=opened.artifacts,
            issues=opened.issues,
            progress=progress,
        )


def failure(code: str, message: str, details: Mapping[str, Any]) -> PhaseResult:
    return PhaseResult(
        Outcome.FAILED, detail=storable({"code": code, "message": message, "details": dict(details)})
    )


def _checked(spec: PhaseSpec, result: PhaseResult) -> PhaseResult:
    if result.artifact is not None and (spec.artifact is None or spec.output is None):
        raise ValueError(f"phase {spec.name} made an artifact but its configuration names none")
    return result
