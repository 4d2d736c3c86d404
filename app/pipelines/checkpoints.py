"""A checkpoint: all that changes between two phases of a run, written by one fenced statement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.digests import canonical, sha256
from app.failpoints import failpoint
from app.pipelines.leases import Held, StaleFence, stale
from app.pipelines.moves import Move
from app.pipelines.phases.kind import Ask, PhaseResult
from app.pipelines.snapshot import PhaseSpec
from app.tables import Asked, State

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict)

EventBody = tuple[str, Mapping[str, Any]]
"""Kind and data of an event."""


@dataclass(frozen=True)
class Ended:
    """A phase run that is over."""

    phase_run_id: int
    spec: PhaseSpec
    result: PhaseResult


@dataclass(frozen=True)
class Checkpoint:
    """What is to be written at once, or not at all."""

    move: Move
    attempts: int
    """Pick-ups since a phase was last closed, from now on."""
    events: tuple[EventBody, ...]
    ended: Ended | None = None
    opens: PhaseSpec | None = None
    replaces: bool = False
    """The run has an artifact of this name already; it steps down."""
    is_first_try: bool = False
    """Nobody has opened that phase in this round before."""


@dataclass(frozen=True)
class Written:
    """What the database made of a checkpoint."""

    opened: int | None
    """Id of the phase run that was opened."""
    decision: str | None
    """How the wait stands that the run asked for: it may be decided already."""


class AskedMeanwhile(Exception):
    """Nothing was written: a person asked for something that the checkpoint does not know of."""

    def __init__(self, asked: Asked | None) -> None:
        super().__init__(asked)
        self.asked = asked


async def write(connection: psycopg.AsyncConnection, held: Held, checkpoint: Checkpoint) -> Written:
    """Raises `StaleFence`, or `AskedMeanwhile`; then nothing was written."""
    statement = _statement(
        ended=checkpoint.ended is not None,
        artifact=checkpoint.ended is not None and checkpoint.ended.result.artifact is not None,
        replaces=checkpoint.replaces,
        opens=checkpoint.opens is not None,
        counts=not checkpoint.is_first_try,
        asks=_ask(checkpoint) is not None,
    )
    with failpoint("database.checkpoint"):
        cursor = await connection.execute(statement, _values(held, checkpoint))
        row = await cursor.fetchone()
    if row is None or not row[0]:
        raise await _reason(connection, held)
    return Written(opened=row[1], decision=row[2])


async def append(connection: psycopg.AsyncConnection, held: Held, kind: str, data: Mapping[str, Any]) -> None:
    """Add an event while a phase is under way. Raises `StaleFence`."""
    values = {"id": held.lease.pipeline_id, "fence": held.lease.fence, "kind": kind, "data": _json(data)}
    with failpoint("database.event"):
        cursor = await connection.execute(APPEND, values)
    if cursor.rowcount == 0:
        raise stale(held.lease)


async def abandon(connection: psycopg.AsyncConnection, held: Held) -> None:
    """Phase runs of an earlier worker, which died, are over."""
    await connection.execute(ABANDON, {"id": held.lease.pipeline_id, "fence": held.lease.fence})


async def reached(connection: psycopg.AsyncConnection, held: Held, checkpoint: Checkpoint) -> Written | None:
    """What a checkpoint made whose answer was lost on the way; None: it was not written."""
    values = {
        "id": held.lease.pipeline_id,
        "fence": held.lease.fence,
        "ended": checkpoint.ended.phase_run_id if checkpoint.ended else None,
        "opens": checkpoint.opens is not None,
        "state": checkpoint.move.state,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(REACHED, values)).fetchone()
    return None if row is None else Written(row["opened"], row["decision"])


async def _reason(connection: psycopg.AsyncConnection, held: Held) -> StaleFence | AskedMeanwhile:
    """Why nothing was written."""
    query = "SELECT asked FROM pipelines WHERE id = %s AND fence = %s AND worker IS NOT NULL"
    cursor = await connection.execute(query, (held.lease.pipeline_id, held.lease.fence))
    row = await cursor.fetchone()
    if row is None:
        return stale(held.lease)
    return AskedMeanwhile(None if row[0] is None else Asked(row[0]))  # or asked and taken back


def _ask(checkpoint: Checkpoint) -> Ask | None:
    """What the run waits for; nothing once it was cancelled."""
    waits = checkpoint.ended is not None and checkpoint.move.state is State.WAITING
    return checkpoint.ended.result.asks if checkpoint.ended and waits else None


def _values(held: Held, checkpoint: Checkpoint) -> dict[str, Any]:
    move = checkpoint.move
    values: dict[str, Any] = {
        "id": held.lease.pipeline_id,
        "fence": held.lease.fence,
        "asked": held.asked,
        "state": move.state.value,
        "reason": move.reason,
        "error": None if move.error is None else _json(move.error),
        "position": move.at.position,
        "round": move.at.round,
        "attempts": checkpoint.attempts,
        "events": _json([{"kind": kind, "data": data} for kind, data in checkpoint.events]),
        "count": len(checkpoint.events),
    }
    if checkpoint.ended is not None:
        values |= _ended(checkpoint.ended)
    if checkpoint.opens is not None:
        values |= {"opens": checkpoint.opens.name, "opens_kind": checkpoint.opens.kind}
    if (ask := _ask(checkpoint)) is not None:
        values |= _asked(ask, checkpoint)
    return values


def _ended(ended: Ended) -> dict[str, Any]:
    result, spec = ended.result, ended.spec
    detail = {"issues": [dict(issue) for issue in result.issues], **result.detail}
    values: dict[str, Any] = {
        "ended": ended.phase_run_id,
        "outcome": result.outcome.value,
        "detail": _json(detail),
    }
    if result.artifact is not None and spec.output is not None:
        body = canonical(result.artifact)
        values |= {
            "name": spec.artifact,
            "schema": spec.output.name,
            "schema_digest": spec.output.digest,
            "content_digest": sha256(body),
            "body": body.decode(),
        }
    return values


def _asked(ask: Ask, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "wait_reason": ask.reason,
        "subject": ask.subject,
        "wait_phase": checkpoint.ended.spec.name if checkpoint.ended else "",
        "wait_round": ask.round,
        "content_sha256": ask.content_sha256,
        "details": _json(ask.details),
        "wait_s": ask.wait_s,
        "default": None if ask.wait_s is None else ask.default,
    }


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


@cache
def _statement(
    *, ended: bool, artifact: bool, replaces: bool, opens: bool, counts: bool, asks: bool
) -> bytes:
    """One statement of the parts that are needed. Each part reads from the one before what it must follow."""
    parts = [RUN, EVENTS]
    parts += [ENDED] if ended else []
    if artifact:
        parts += [STEPPED_DOWN, KEPT.format(version=NEXT_VERSION)] if replaces else [KEPT.format(version="1")]
    if opens:
        after = ", after_ended" if ended else ""
        parts += [OPENED.format(attempt=EARLIER_TRIES if counts else "0", after=after)]
    parts += [WAIT] if asks else []
    opened = "(SELECT id FROM opened)" if opens else "NULL::bigint"
    decision = "(SELECT decision FROM wait)" if asks else "NULL::text"
    result = f"SELECT EXISTS (SELECT FROM run) AS written, {opened} AS opened, {decision} AS decision"  # noqa: S608 - constants
    return f"WITH {', '.join(parts)} {result}".encode()


RUN = """
run AS (
    UPDATE pipelines
    SET state = %(state)s::run_state, reason = %(reason)s, error = %(error)s::jsonb, position = %(position)s,
        round = %(round)s, attempts = %(attempts)s,
        event_count = event_count + %(count)s,
        worker = CASE WHEN %(state)s = 'running' THEN worker END,
        lease_expires_at = CASE WHEN %(state)s = 'running' THEN lease_expires_at END,
        asked = CASE WHEN %(state)s IN ('running', 'waiting') THEN asked END,
        updated_at = clock_timestamp(),
        finished_at = CASE WHEN %(state)s IN ('succeeded', 'failed', 'cancelled') THEN clock_timestamp() END
    WHERE id = %(id)s AND fence = %(fence)s AND worker IS NOT NULL
      AND asked IS NOT DISTINCT FROM %(asked)s::text
    RETURNING id, event_count
)"""
EVENTS = """
logged AS (
    INSERT INTO events (pipeline_id, seq, kind, data)
    SELECT run.id, run.event_count - %(count)s + event.number, event.body->>'kind', event.body->'data'
    FROM run, jsonb_array_elements(%(events)s::jsonb) WITH ORDINALITY AS event (body, number)
)"""
ENDED = """
ended AS (
    UPDATE phase_runs SET outcome = %(outcome)s, ended_at = clock_timestamp(), detail = %(detail)s::jsonb
    FROM run WHERE phase_runs.id = %(ended)s RETURNING phase_runs.id
),
after_ended AS (SELECT count(*) FROM ended)"""
STEPPED_DOWN = """
stepped_down AS (
    UPDATE artifacts SET current = false
    FROM run WHERE pipeline_id = run.id AND name = %(name)s AND current RETURNING version
)"""
NEXT_VERSION = "(SELECT coalesce(max(version), 0) + 1 FROM stepped_down)"
KEPT = """
kept AS (
    INSERT INTO artifacts (pipeline_id, name, version, current, schema, schema_digest, content_digest, body,
                           phase_run_id)
    SELECT run.id, %(name)s, {version}, true, %(schema)s, %(schema_digest)s, %(content_digest)s,
           %(body)s::jsonb, %(ended)s
    FROM run
)"""
EARLIER_TRIES = """
(SELECT count(*) FROM phase_runs AS earlier WHERE earlier.pipeline_id = %(id)s
   AND earlier.phase = %(opens)s AND earlier.item = '' AND earlier.round = %(round)s)"""
OPENED = """
opened AS (
    INSERT INTO phase_runs (pipeline_id, phase, kind, item, round, try, outcome, fence)
    SELECT run.id, %(opens)s, %(opens_kind)s, '', %(round)s, {attempt}, 'running', %(fence)s
    FROM run{after} RETURNING id
)"""
WAIT = """
wait AS (
    INSERT INTO waits (pipeline_id, reason, subject, phase, round, decision, content_sha256, details,
                       deadline, default_decision)
    SELECT run.id, %(wait_reason)s, %(subject)s, %(wait_phase)s, %(wait_round)s, 'open', %(content_sha256)s,
           %(details)s::jsonb, clock_timestamp() + make_interval(secs => %(wait_s)s), %(default)s
    FROM run
    ON CONFLICT (pipeline_id, reason, subject, round) DO UPDATE SET phase = excluded.phase
    RETURNING decision
)"""
APPEND = """
    WITH run AS (
        UPDATE pipelines SET event_count = event_count + 1
        WHERE id = %(id)s AND fence = %(fence)s AND worker IS NOT NULL RETURNING id, event_count
    )
    INSERT INTO events (pipeline_id, seq, kind, data)
    SELECT id, event_count, %(kind)s, %(data)s::jsonb FROM run
"""
ABANDON = """
    UPDATE phase_runs SET outcome = 'abandoned', ended_at = clock_timestamp()
    WHERE pipeline_id = %(id)s AND outcome = 'running' AND fence < %(fence)s
"""
REACHED = """
    SELECT opened.id AS opened,
           CASE WHEN state = 'waiting' THEN coalesce(wait.decision, 'granted') END AS decision
    FROM pipelines
    LEFT JOIN phase_runs AS ended ON ended.id = %(ended)s
    LEFT JOIN phase_runs AS opened ON opened.pipeline_id = pipelines.id AND opened.outcome = 'running'
         AND opened.fence = %(fence)s
    LEFT JOIN waits AS wait ON wait.pipeline_id = pipelines.id AND pipelines.state = 'waiting'
         AND wait.phase = ended.phase AND wait.decision = 'open'
    WHERE pipelines.id = %(id)s AND pipelines.fence = %(fence)s AND pipelines.state = %(state)s
      AND (%(ended)s::bigint IS NULL OR ended.outcome <> 'running')
      AND (NOT %(opens)s OR opened.id IS NOT NULL)
"""
