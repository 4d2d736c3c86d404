"""The floor: what an engineer would write by hand for exactly this, on FOR UPDATE SKIP LOCKED.

It makes the durable writes that our engine makes for each phase, in one prepared statement that compares the
fence: the run's row, the end of a phase run, the begin of the next, the artifact with its digest, two events.
It has what that needs to be correct: a lease by the database's clock that is renewed, a fence, runs of dead
workers that are taken again, primary keys, foreign keys and the unique rules.

It leaves out what makes an engine general, so it is a lower bound and no offer: definitions as data, pinned
snapshots, phase kinds, checks of artifacts against schemas, rejection and rework, pauses, cancelling, waits,
caps on attempts, progress, telling watchers, a queue table with priorities beside the runs, draining.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import uuid
from contextlib import suppress

import psycopg
from psycopg_pool import AsyncConnectionPool

from tests.benchmarks.contenders.contender import until_told
from tests.benchmarks.workload import WORKLOADS, Workload, answer

LEASE_S = 6.0
POLL_S = 2.0
"""How long a lost notification, or a run of a dead worker, can go unnoticed."""
CONNECTIONS = 16
TABLES = """
    CREATE TABLE runs (
        id uuid PRIMARY KEY, workload text NOT NULL, input text NOT NULL, state text NOT NULL,
        position int NOT NULL DEFAULT 0, fence bigint NOT NULL DEFAULT 0, worker text,
        lease_expires_at timestamptz, event_count bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        finished_at timestamptz
    );
    CREATE INDEX live ON runs (created_at) WHERE state IN ('queued', 'running');
    CREATE INDEX newest ON runs (created_at, id);
    CREATE TABLE phase_runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id uuid NOT NULL REFERENCES runs,
        position int NOT NULL, attempt int NOT NULL, outcome text NOT NULL, fence bigint NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz,
        UNIQUE (run_id, position, attempt)
    );
    CREATE UNIQUE INDEX one_running ON phase_runs (run_id) WHERE outcome = 'running';
    CREATE TABLE artifacts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id uuid NOT NULL REFERENCES runs,
        name text NOT NULL, version int NOT NULL, digest text NOT NULL, body jsonb NOT NULL,
        phase_run_id bigint NOT NULL UNIQUE REFERENCES phase_runs,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(), UNIQUE (run_id, name, version)
    );
    CREATE TABLE events (
        run_id uuid REFERENCES runs, seq bigint, kind text NOT NULL, data jsonb NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (run_id, seq)
    );
"""
SUBMIT = """
    WITH submitted AS (
        INSERT INTO runs (id, workload, input, state, event_count)
        SELECT gen_random_uuid(), %(workload)s, 'An epic', 'queued', 2 FROM generate_series(1, %(runs)s)
        RETURNING id
    )
    INSERT INTO events (run_id, seq, kind, data)
    SELECT id, seq, kind, '{}' FROM submitted, (VALUES (1, 'created'), (2, 'queued')) AS first (seq, kind)
"""
CLAIM = """
    UPDATE runs SET state = 'running', worker = %(worker)s, fence = fence + 1, updated_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id IN (
        SELECT id FROM runs
        WHERE state IN ('queued', 'running')
          AND (state = 'queued' OR lease_expires_at < clock_timestamp())
        ORDER BY created_at LIMIT %(room)s FOR UPDATE SKIP LOCKED
    )
    RETURNING id, fence, position, workload
"""
OPEN = """
    WITH gone AS (
        UPDATE phase_runs SET outcome = 'abandoned', ended_at = clock_timestamp()
        WHERE run_id = %(id)s AND outcome = 'running' AND fence < %(fence)s
    ),
    run AS (
        UPDATE runs SET event_count = event_count + 1, updated_at = clock_timestamp()
        WHERE id = %(id)s AND fence = %(fence)s RETURNING id, position, event_count
    ),
    logged AS (
        INSERT INTO events (run_id, seq, kind, data)
        SELECT id, event_count, 'phase_started', %(data)s::jsonb FROM run
    )
    INSERT INTO phase_runs (run_id, position, attempt, outcome, fence)
    SELECT id, position, (SELECT count(*) FROM phase_runs AS earlier WHERE earlier.run_id = %(id)s
                            AND earlier.position = run.position), 'running', %(fence)s FROM run
    RETURNING id
"""
CLOSE = """
    WITH run AS (
        UPDATE runs SET position = position + 1, event_count = event_count + 2,
            updated_at = clock_timestamp(), state = %(state)s,
            worker = CASE WHEN %(state)s = 'running' THEN worker END,
            lease_expires_at = CASE WHEN %(state)s = 'running' THEN lease_expires_at END,
            finished_at = CASE WHEN %(state)s <> 'running' THEN clock_timestamp() END
        WHERE id = %(id)s AND fence = %(fence)s RETURNING id, position, event_count, state
    ),
    ended AS (
        UPDATE phase_runs SET outcome = 'passed', ended_at = clock_timestamp()
        FROM run WHERE phase_runs.id = %(phase_run)s RETURNING phase_runs.id
    ),
    after_ended AS (SELECT count(*) FROM ended),
    kept AS (
        INSERT INTO artifacts (run_id, name, version, digest, body, phase_run_id)
        SELECT id, %(name)s, 1, %(digest)s, %(body)s::jsonb, %(phase_run)s FROM run
    ),
    logged AS (
        INSERT INTO events (run_id, seq, kind, data)
        SELECT id, event_count - 1, 'phase_ended', %(data)s::jsonb FROM run
        UNION ALL
        SELECT id, event_count, CASE WHEN state = 'running' THEN 'phase_started' ELSE 'ended' END,
               %(next)s::jsonb FROM run
    ),
    opened AS (
        INSERT INTO phase_runs (run_id, position, attempt, outcome, fence)
        SELECT run.id, run.position, 0, 'running', %(fence)s FROM run, after_ended WHERE state = 'running'
        RETURNING id
    )
    SELECT run.id, (SELECT id FROM opened) FROM run
"""
RENEW = """
    UPDATE runs SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM unnest(%(ids)s::uuid[], %(fences)s::bigint[]) AS held (id, fence)
    WHERE runs.id = held.id AND runs.fence = held.fence AND state = 'running'
"""
UNFINISHED = "SELECT EXISTS (SELECT FROM runs WHERE state IN ('queued', 'running'))"
NEWEST = """
    SELECT extract(epoch FROM created_at)::float, extract(epoch FROM finished_at)::float
    FROM runs ORDER BY created_at DESC LIMIT %s
"""


class Floor:
    name = "floor"

    async def prepare(self, url: str) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(TABLES)

    async def submit(self, url: str, workload: Workload, runs: int) -> None:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute(SUBMIT, {"workload": workload.name, "runs": runs})
            await connection.execute("NOTIFY runs")

    def is_idle(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(UNFINISHED).fetchone()
        return row is not None and not row[0]

    def newest(self, connection: psycopg.Connection, runs: int) -> list[tuple[float, float]]:
        return connection.execute(NEWEST, [runs]).fetchall()

    async def work(self, url: str, concurrency: int) -> None:
        stop = asyncio.Event()
        pool = AsyncConnectionPool(
            url, min_size=CONNECTIONS, max_size=CONNECTIONS, open=False, kwargs={"autocommit": True}
        )
        async with pool, await psycopg.AsyncConnection.connect(url, autocommit=True) as listening:
            await listening.execute("LISTEN runs")
            working = asyncio.create_task(Hand(pool, listening, concurrency).work(stop))
            await until_told(stop)
            await working


class Hand:
    """One worker: claims as many runs as it has room for and walks each of them."""

    def __init__(
        self, pool: AsyncConnectionPool, listening: psycopg.AsyncConnection, concurrency: int
    ) -> None:
        self._pool = pool
        self._listening = listening
        self._concurrency = concurrency
        self._worker = f"{os.getpid()}"
        self._held: dict[uuid.UUID, int] = {}
        self._walks: set[asyncio.Task[None]] = set()
        self._look = asyncio.Event()

    async def work(self, stop: asyncio.Event) -> None:
        beside = [asyncio.create_task(self._listen()), asyncio.create_task(self._renew())]
        try:
            while not stop.is_set():
                self._look.clear()
                room = self._concurrency - len(self._walks)
                if room < max(1, self._concurrency // 4) or await self._claim(room) < room:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._look.wait(), POLL_S)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*self._walks, *beside, return_exceptions=True)

    async def _claim(self, room: int) -> int:
        values = {"worker": self._worker, "lease": LEASE_S, "room": room}
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(CLAIM, values)).fetchall()
        for id_, fence, position, workload in rows:
            self._held[id_] = fence
            walk = asyncio.create_task(self._walk(id_, fence, position, WORKLOADS[workload]))
            self._walks.add(walk)
            walk.add_done_callback(self._ended)
        return len(rows)

    def _ended(self, walk: asyncio.Task[None]) -> None:
        self._walks.discard(walk)
        if self._concurrency - len(self._walks) >= max(1, self._concurrency // 4):
            self._look.set()

    async def _walk(self, id_: uuid.UUID, fence: int, position: int, workload: Workload) -> None:
        try:
            phase_run = await self._open(id_, fence, position)
            while phase_run is not None:
                body = json.dumps(await answer(workload.sleep_s))
                phase_run = await self._close(id_, fence, position, phase_run, body, workload)
                position += 1
        finally:
            self._held.pop(id_, None)

    async def _open(self, id_: uuid.UUID, fence: int, position: int) -> int | None:
        values = {"id": id_, "fence": fence, "data": _about(position)}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(OPEN, values)).fetchone()
        return None if row is None else int(row[0])

    async def _close(
        self, id_: uuid.UUID, fence: int, position: int, phase_run: int, body: str, workload: Workload
    ) -> int | None:
        """The id of the next phase run. None: the run is over, or another worker has it."""
        values = {
            "id": id_,
            "fence": fence,
            "phase_run": phase_run,
            "state": "running" if position + 1 < workload.phases else "succeeded",
            "name": f"a{position}",
            "digest": hashlib.sha256(body.encode()).hexdigest(),
            "body": body,
            "data": _about(position),
            "next": _about(position + 1),
        }
        async with self._pool.connection() as connection:
            row = await (await connection.execute(CLOSE, values)).fetchone()
        return None if row is None else row[1]

    async def _listen(self) -> None:
        async for _ in self._listening.notifies():
            self._look.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            values = {"lease": LEASE_S, "ids": list(self._held), "fences": list(self._held.values())}
            async with self._pool.connection() as connection:
                await connection.execute(RENEW, values)


def _about(position: int) -> str:
    return json.dumps({"phase": f"p{position}", "round": 0})


CONTENDER = Floor()
