"""Who may write to a run: a lease by the database clock, and a fence that every write compares."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.tables import Asked, Pipeline, Priority, State, Target

SUSPECT = 2
"""So many workers died while they held the run: it may be what killed them.

One death makes no suspect: all runs of a worker that was killed are to be picked up at once.
"""


class StaleFence(Conflict):
    """Another worker holds the run by now; nothing was written."""

    code = "stale_fence"


@dataclass(frozen=True)
class Lease:
    """The right to write to one run."""

    pipeline_id: UUID
    fence: int


@dataclass
class Held:
    """A run as its worker knows it: while the fence is the newest, nobody else changes any of this."""

    lease: Lease
    attempts: int
    """Pick-ups since a phase was last closed, this one included."""
    epic_description: str
    snapshot: str
    project_id: int | None
    base_commit: str | None
    target: Target
    position: int
    round: int
    priority: Priority
    group: str | None
    """The batch it belongs to."""
    is_retry: bool
    """A person had it made of a finished run."""
    is_fresh: bool
    """Nothing but its creation and its start happened to it."""
    asked: Asked | None = None
    """What a person asked for, as last seen."""


@dataclass(frozen=True)
class Peek:
    """A run as it is before its lease is taken."""

    state: str
    attempts: int
    held_for_s: float
    """How long somebody else's lease still lasts; 0: it is free."""
    path: str | None
    """The repository it works on."""
    waited_s: float
    """For how long nothing has happened to it."""

    @property
    def wants_a_worker(self) -> bool:
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def is_suspect(self) -> bool:
        return self.attempts >= SUSPECT

    def is_here(self) -> bool:
        """Whether this host has the repository."""
        return self.path is None or Path(self.path).is_dir()


PEEK = """
    SELECT pipelines.state, pipelines.attempts, projects.path,
           greatest(extract(epoch FROM lease_expires_at - clock_timestamp()), 0)::float AS held_for_s,
           extract(epoch FROM clock_timestamp() - greatest(updated_at, lease_expires_at))::float AS waited_s
    FROM pipelines LEFT JOIN projects ON projects.id = pipelines.project_id
    WHERE pipelines.id = %s
"""

HOLD = """
    SET state = 'running', reason = NULL, worker = %(worker)s, fence = fence + 1, attempts = attempts + 1,
        lease_expires_at = clock_timestamp() + %(duration)s, updated_at = clock_timestamp()
"""
IS_FREE = "(state = 'queued' OR state = 'running' AND lease_expires_at < clock_timestamp())"
AS_HELD = """
    RETURNING id, fence, attempts, epic_description, snapshot, project_id, base_commit, target, position,
              round, priority, batch_id, asked, retry_of IS NOT NULL AS is_retry,
              retry_of IS NULL AND event_count <= 2 AS is_fresh
"""
TAKE = f"UPDATE pipelines {HOLD} WHERE id = %(id)s AND {IS_FREE} {AS_HELD}"
TAKE_MANY = f"""
    UPDATE pipelines {HOLD}
    FROM (
        SELECT id AS free FROM pipelines
        WHERE id = ANY(%(ids)s) AND {IS_FREE} AND project_id IS NULL AND attempts < %(suspect)s
        FOR UPDATE SKIP LOCKED
    ) AS those
    WHERE id = free AND {IS_FREE} {AS_HELD}
"""  # noqa: S608 - constants
"""Two of these at once wait for no lock of each other."""

RENEW = """
    WITH held AS (SELECT * FROM unnest(%(ids)s::uuid[], %(fences)s::bigint[]) AS held (id, fence)),
    free AS (
        SELECT pipelines.id FROM pipelines JOIN held USING (id, fence)
        WHERE worker IS NOT NULL FOR UPDATE OF pipelines SKIP LOCKED
    ),
    renewed AS (
        UPDATE pipelines SET lease_expires_at = clock_timestamp() + %(duration)s
        FROM free WHERE pipelines.id = free.id
    )
    SELECT pipelines.id, pipelines.asked FROM pipelines JOIN held USING (id, fence) WHERE worker IS NOT NULL
"""
"""A row that a person's request has locked right now keeps its lease and is renewed the next time."""


async def peek(connection: psycopg.AsyncConnection, pipeline_id: UUID) -> Peek | None:
    """None: there is no such run."""
    async with connection.cursor(row_factory=class_row(Peek)) as cursor:
        return await (await cursor.execute(PEEK, (pipeline_id,))).fetchone()


async def take(
    connection: psycopg.AsyncConnection, pipeline_id: UUID, worker: str, duration_s: float
) -> Held | None:
    """Take the lease of a run that is queued, or running with an expired lease.

    None: the run wants no worker (finished, paused, waiting or gone), or somebody was faster.
    """
    values = {"id": pipeline_id, "worker": worker, "duration": timedelta(seconds=duration_s)}
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(TAKE.encode(), values)).fetchone()
    return None if row is None else _held(row)


async def take_many(
    connection: psycopg.AsyncConnection, pipeline_ids: Collection[UUID], worker: str, duration_s: float
) -> dict[UUID, Held]:
    """Take those that are free, locked by nobody, and need no peek before: no repository, no suspect."""
    duration = timedelta(seconds=duration_s)
    values = {"ids": list(pipeline_ids), "worker": worker, "duration": duration, "suspect": SUSPECT}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(TAKE_MANY.encode(), values)).fetchall()
    return {row["id"]: _held(row) for row in rows}


def _held(row: dict[str, Any]) -> Held:
    values = dict(row)
    batch = values.pop("batch_id")
    return Held(
        lease=Lease(values.pop("id"), values.pop("fence")),
        target=Target(values.pop("target")),
        priority=Priority(values.pop("priority")),
        group=None if batch is None else str(batch),
        asked=_asked(values.pop("asked")),
        **values,
    )


async def renew(
    connection: psycopg.AsyncConnection, leases: Collection[Lease], duration_s: float
) -> dict[UUID, Asked | None]:
    """Hold them all longer. Returns what was asked of each; a lease that was taken over is not in it."""
    values = {
        "ids": [lease.pipeline_id for lease in leases],
        "fences": [lease.fence for lease in leases],
        "duration": timedelta(seconds=duration_s),
    }
    rows = await (await connection.execute(RENEW, values)).fetchall()
    return {row[0]: _asked(row[1]) for row in rows}


async def fenced(session: AsyncSession, lease: Lease) -> Pipeline:
    """The run's row, locked, if the lease is still the newest. Raises `StaleFence`."""
    row = await session.scalar(select(Pipeline).where(Pipeline.id == lease.pipeline_id).with_for_update())
    if row is None:
        raise NotFound(f"no pipeline {lease.pipeline_id}")
    if row.fence != lease.fence or row.worker is None:
        raise stale(lease)
    return row


def stale(lease: Lease) -> StaleFence:
    return StaleFence(f"the lease {lease.fence} of pipeline {lease.pipeline_id} has been taken over")


def _asked(value: str | None) -> Asked | None:
    return None if value is None else Asked(value)
