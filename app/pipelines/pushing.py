"""Sends the branches of runs to the remotes of their projects: at least once, with the same result."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, WorkbenchError
from app.pipelines import events, store
from app.tables import Pipeline, Push, PushState
from app.workspace.access import GitAccess
from app.workspace.push import push_commit
from app.workspace.remote import read_remote
from app.workspace.repository import open_repository

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
FIRST_PAUSE_S = 60
"""Doubles with each attempt, up to an hour: eight attempts take about two hours."""
AT_ONCE = 20

_MADE = """
    FROM pipelines JOIN commit_intents AS intent ON intent.pipeline_id = pipelines.id
    JOIN projects ON projects.id = project_id
    JOIN artifacts ON artifacts.pipeline_id = pipelines.id AND current
    JOIN phase_runs ON phase_runs.id = phase_run_id AND kind = 'commit'
"""
COMMITTED = text(
    f"""
    SELECT projects.name AS project, projects.path, projects.push_to, intent.branch,
           artifacts.body->>'commit' AS commit, pipelines.discarded_at
    {_MADE} WHERE pipelines.id = :run
    """
)
"""What a run committed, and where its project wants it now."""
DUE = text(
    f"""
    SELECT pushes.pipeline_id, projects.path, pushes.updated_at
    {_MADE} JOIN pushes ON pushes.pipeline_id = pipelines.id
    WHERE pushes.state = 'committed_not_pushed' AND pipelines.state <> 'running' AND discarded_at IS NULL
      AND push_to IS NOT NULL AND pushes.attempts < {MOST_ATTEMPTS}
      AND pushes.updated_at < clock_timestamp()
          - least({FIRST_PAUSE_S} * 2 ^ (pushes.attempts - 1), 3600) * interval '1 second'
    ORDER BY pushes.updated_at
    """
)
"""Wherever the repository is: what is elsewhere must not keep what is here from its turn."""
TAKE = text(
    """
    UPDATE pushes SET updated_at = clock_timestamp()
    WHERE pipeline_id = :run AND updated_at = :seen RETURNING pipeline_id
    """
)
"""Of the workers that see the same push due, one gets it: else each would use up an attempt."""


@dataclass(frozen=True)
class Parcel:
    """What is sent where."""

    pipeline_id: UUID
    path: Path
    """Of the repository."""
    url: str
    branch: str
    commit: str


class Pusher:
    """Any number of processes may push at once: a branch that is there already is all that they want."""

    def __init__(self, database: Database, access: GitAccess) -> None:
        self._database = database
        self._access = access

    async def send(self, parcel: Parcel) -> Push:
        """Write the intent down, push, and write down what came of it. A refusal raises nothing."""
        known = await self._begin(parcel)
        if known.state == PushState.PUSHED:
            return known
        try:
            remote = read_remote(parcel.url)
            repository = await open_repository(parcel.path)
            await push_commit(repository, remote, parcel.branch, parcel.commit, self._access)
        except (WorkbenchError, OSError) as error:
            said = error.message if isinstance(error, WorkbenchError) else str(error)
            return await self._end(parcel, PushState.COMMITTED_NOT_PUSHED, said)
        return await self._end(parcel, PushState.PUSHED, None)

    async def push(self, pipeline_id: UUID) -> Push:
        """Push what the run committed to where its project says now. Raises `NotFound`, `Conflict`."""
        async with self._database.transaction() as session:
            await store.get(session, pipeline_id)
            row = (await session.execute(COMMITTED, {"run": pipeline_id})).one_or_none()
        if row is None:
            raise Conflict("the run has committed nothing, so there is nothing to push")
        if row.discarded_at is not None:
            raise Conflict("the run was discarded, and its branch with it")
        if row.push_to is None:
            raise Conflict(f"the project {row.project!r} names no remote: set where it pushes to (push_to)")
        return await self.send(Parcel(pipeline_id, Path(row.path), row.push_to, row.branch, row.commit))

    async def tick(self) -> int:
        """Try again what is due, where this host has the repository. Returns how many were tried."""
        async with self._database.statement() as connection:
            due = (await connection.execute(DUE)).all()
        folders = {row.path for row in due}
        here = {path for path in folders if await asyncio.to_thread(os.path.isdir, path)}
        tried = 0
        for row in [row for row in due if row.path in here][:AT_ONCE]:
            if not await self._take(row.pipeline_id, row.updated_at):
                continue
            tried += 1
            try:
                await self.push(row.pipeline_id)
            except WorkbenchError as error:
                log.warning("run %s can not be pushed: %s", row.pipeline_id, error.message)
        return tried

    async def _take(self, pipeline_id: UUID, seen: datetime) -> bool:
        async with self._database.transaction() as session:
            return await session.scalar(TAKE, {"run": pipeline_id, "seen": seen}) is not None

    async def _begin(self, parcel: Parcel) -> Push:
        async with self._database.transaction() as session:
            # one row, whoever else pushes it now
            run = await store.get(session, parcel.pipeline_id, lock=True)
            if run.discarded_at is not None:  # since it was looked at
                raise Conflict("the run was discarded, and its branch with it")
            row = await session.get(Push, parcel.pipeline_id, with_for_update=True)
            if row is None:
                row = Push(
                    pipeline_id=parcel.pipeline_id,
                    url=parcel.url,
                    branch=parcel.branch,
                    commit=parcel.commit,
                    state=PushState.COMMITTED_NOT_PUSHED,
                    attempts=0,
                )
                session.add(row)
            elif (row.url, row.commit) != (parcel.url, parcel.commit):
                row.url, row.commit, row.attempts = parcel.url, parcel.commit, 0
                row.state = PushState.COMMITTED_NOT_PUSHED
            if row.state != PushState.PUSHED:
                row.attempts += 1
                row.updated_at = func.clock_timestamp()
        return row

    async def _end(self, parcel: Parcel, state: PushState, error: str | None) -> Push:
        """What somebody else has pushed meanwhile stays pushed."""
        async with self._database.transaction() as session:
            run = await store.get(session, parcel.pipeline_id, lock=True)
            row = await session.get_one(Push, parcel.pipeline_id, with_for_update=True)
            if row.state != PushState.PUSHED and row.url == parcel.url:
                row.state, row.error = state, error
                row.updated_at = func.clock_timestamp()
                kind = "pushed" if state is PushState.PUSHED else "push_failed"
                told = {"url": parcel.url, "branch": parcel.branch, "error": error}
                await events.append(session, run, kind, told)
            await session.flush()
            await session.refresh(row)
        return row


async def of_runs(session: AsyncSession, runs: Collection[UUID]) -> Mapping[UUID, Push]:
    """Run → where its commit was sent, for the runs that have been sent or are to be."""
    rows = await session.scalars(select(Push).where(Push.pipeline_id.in_(runs)))
    return {row.pipeline_id: row for row in rows}


async def unsent(session: AsyncSession, limit: int = 20) -> Sequence[Push]:
    """What has not left this host, the oldest first."""
    query = (
        select(Push)
        .join(Pipeline, Pipeline.id == Push.pipeline_id)
        .where(Push.state == text("'committed_not_pushed'"), Pipeline.discarded_at.is_(None))
        .order_by(Push.updated_at)
        .limit(limit)
    )
    return (await session.scalars(query)).all()
