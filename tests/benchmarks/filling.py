"""Finished runs by the million, made by SQL in the tables of our engine."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql

PORTION = 100_000
PER_RUN = {
    "pipelines": 1,
    "phase_runs": 2,
    "events": 3,
    "artifacts": 1,
    "pipeline_prompt_usage": 2,
    "model_answers": 1,
}
"""Rows per finished run; a real one of six phases has three to six times as many."""
PER_TEN_RUNS = ("batches", "batch_items", "deliveries", "waits", "schedule_ticks", "idempotent_requests")
"""Every tenth run is an item of a batch, has sent something, was approved, and began at a tick."""
DAYS = 365
"""The runs are spread over so many days; none is in the last hour, whose calls are not added up yet."""
BIG_ROWS = 10_000
"""A table with more rows than this must not be read from end to end."""

IDS = """
    SELECT number, md5('run ' || number)::uuid AS id, {when} AS at
    FROM generate_series({first}, {last}) AS number
"""
WHEN = "now() - make_interval(hours => 2, secs => (1 - number::float8 / {total}) * 86400 * {days})"
STATE = (
    "CASE WHEN number % 100 = 1 THEN 'failed' WHEN number < {total} / 50 AND number % 1000 IN (2, 3, 4) "
    "THEN (ARRAY['cancelled', 'created', 'paused'])[number % 1000 - 1] ELSE 'succeeded' END"
)
"""One in a hundred failed; the few of other states are old: the worst case for a list of them."""
FILL = (
    """
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, error, target, position, round,
        attempts, fence, event_count, batch_id, batch_item, created_at, updated_at, finished_at)
    SELECT id, 'Epic ' || number, 'instant', {snapshot}, {state},
        CASE WHEN {state} = 'failed' THEN '{{"code": "x", "message": "y"}}'::jsonb END,
        'end', 5, 0, 0, 1, 3, CASE WHEN number % 10 = 0 THEN md5('batch ' || number)::uuid END,
        CASE WHEN number % 10 = 0 THEN 1 END, at, at,
        CASE WHEN {state} NOT IN ('created', 'paused') THEN at END
    FROM ({ids}) AS run
    """,
    """
    INSERT INTO phase_runs (pipeline_id, phase, kind, item, round, "try", outcome, fence, started_at,
        ended_at)
    SELECT id, 'p' || phase, 'instant', '', 0, 0, 'passed', 1, at, at
    FROM ({ids}) AS run, generate_series(0, 1) AS phase
    """,
    """
    INSERT INTO events (pipeline_id, seq, kind, data, at)
    SELECT id, seq, 'phase_ended', '{{"phase": "p0", "round": 0}}', at
    FROM ({ids}) AS run, generate_series(1, 3) AS seq
    """,
    """
    INSERT INTO artifacts (pipeline_id, name, version, current, schema, schema_digest, content_digest, body,
        edited_by, created_at)
    SELECT id, 'a0', 1, true, 'row:benchmark', repeat('0', 64), repeat('0', 64), '{{"text": "short"}}',
        'the benchmark', at
    FROM ({ids}) AS run
    """,
    """
    INSERT INTO pipeline_prompt_usage (pipeline_id, phase, item, round, step, backend, profile, model, role,
        prompt_digest, prompt_version, request_digest, reserved_tokens, reserved_usd, input_tokens,
        cache_read_tokens, cache_write_tokens, output_tokens, thinking_tokens, cost_usd, price_version,
        outcome, started_at, settled_at)
    SELECT id, 'p' || step, '', 0, 0, 'ollama', 'local', 'model-' || (number % 5), 'pm', repeat('0', 64), 1,
        repeat('0', 64), 100, 0.01, 90, 0, 0, 10, 0, 0.001, '1', 'ok', at, at
    FROM ({ids}) AS run, generate_series(0, 1) AS step
    """,
    """
    INSERT INTO model_answers (usage_id, pipeline_id, phase, item, round, step, request_digest, answer)
    SELECT -number, id, 'p0', '', 0, 0, repeat('0', 64), '{{}}' FROM ({ids}) AS run
    """,
)
FILL_TENTH = (
    """
    INSERT INTO batches (id, definition, snapshot, state, concurrency, max_attempts, total, pending, running,
        succeeded, dead, cancelled, spent_usd, created_at, finished_at)
    SELECT md5('batch ' || number)::uuid, 'instant', {snapshot}, 'finished', 8, 3, 2, 0, 0, 1, 1, 0, 0, at, at
    FROM ({ids}) AS run WHERE number % 10 = 0
    """,
    """
    INSERT INTO batch_items (batch_id, number, input, state, attempts, pipeline_id, ended_at)
    SELECT md5('batch ' || run.number)::uuid, item, 'An epic',
        CASE item WHEN 1 THEN 'succeeded' ELSE 'dead' END, 1, CASE item WHEN 1 THEN id END, at
    FROM ({ids}) AS run, generate_series(1, 2) AS item WHERE run.number % 10 = 0
    """,
    """
    INSERT INTO deliveries (pipeline_id, phase, round, destination, idempotency_key, payload_digest, state,
        response_status, attempts, created_at, sent_at)
    SELECT id, 'post', 0, 'hook', encode(sha256(number::text::bytea), 'hex'), repeat('0', 64), 'sent', 200, 1,
        at, at
    FROM ({ids}) AS run WHERE number % 10 = 0
    """,
    """
    INSERT INTO waits (pipeline_id, reason, subject, phase, round, decision, details, asked_at, decided_at)
    SELECT id, 'approval', 'approve', 'p0', 0, 'granted', '{{}}', at, at
    FROM ({ids}) AS run WHERE number % 10 = 0
    """,
    """
    INSERT INTO schedules (name, cron, timezone, definition, input_template, missed, paused, number, next_at)
    SELECT 'filled-' || number, '* * * * *', 'UTC', 'instant', 'An epic', 'once', true, 0, now()
    FROM generate_series(0, 99) AS number ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO schedule_ticks (schedule, tick_at, pipeline_id, outcome, seen_at)
    SELECT 'filled-' || number / 10 % 100, at, id, 'started', at FROM ({ids}) AS run WHERE number % 10 = 0
    """,
    """
    INSERT INTO idempotent_requests (caller, key, request_digest, status, body)
    SELECT '1', 'key ' || number, repeat('0', 64), 201, '{{}}' FROM ({ids}) AS run WHERE number % 10 = 0
    """,
)
FIRST = """
    INSERT INTO batches (id, definition, snapshot, state, concurrency, max_attempts, total, pending, running,
        succeeded, dead, cancelled, spent_usd, created_at, finished_at)
    VALUES (md5('batch 0')::uuid, 'instant', {snapshot}, 'finished', 8, 3, 0, 0, 0, 0, 0, 0, 0,
        now() - interval '2 years', now()) ON CONFLICT DO NOTHING
"""
"""One of the kind to look at while there are no others."""
LIMIT = """
    INSERT INTO call_limits (name, max_concurrent, requests_per_minute)
    VALUES ('backend:benchmark', 8, 1000000) ON CONFLICT DO NOTHING
"""
BATCH = (
    """
    INSERT INTO batches (id, definition, snapshot, state, concurrency, max_attempts, total, pending, running,
        succeeded, dead, cancelled, spent_usd)
    VALUES (md5('batch')::uuid, 'instant', {snapshot}, 'open', 8, 3, 1, 1, 0, 0, 0, 0, 0)
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO batch_items (batch_id, number, input, due_at)
    VALUES (md5('batch')::uuid, 1, 'An epic', now() + interval '10 years') ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO batch_items (batch_id, number, input, state, attempts, ended_at)
    SELECT md5('batch')::uuid, number + 1, 'An epic', 'succeeded', 1, now()
    FROM generate_series({first}, {last}) AS number
    """,
    """
    UPDATE batches SET total = {last} + 1, succeeded = {last} WHERE id = md5('batch')::uuid
    """,
)
"""A batch with one item left, which is not due yet, and as many items done as there are runs."""
TABLES = (*PER_RUN, *PER_TEN_RUNS)


def fill(url: str, have: int, want: int, log: Callable[[str], None]) -> None:
    """Bring the number of finished runs from `have` to `want`. There is one snapshot."""
    with psycopg.connect(url, autocommit=True) as connection:
        [(snapshot,)] = connection.execute("SELECT sha256 FROM definition_snapshots LIMIT 1").fetchall()
        connection.execute(sql.SQL(FIRST).format(snapshot=sql.Literal(snapshot)))
        connection.execute(LIMIT)
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET session_replication_role = replica")  # foreign keys need no check here
        for first in range(have + 1, want + 1, PORTION):
            last = min(first + PORTION - 1, want)
            log(f"growth: filling, {last:,} of {want:,} runs")
            for statement in (*FILL, *FILL_TENTH, *BATCH):
                connection.execute(_composed(statement, snapshot, first, last, want))
        for table in TABLES:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        connection.execute("CHECKPOINT")


def big_tables(url: str) -> dict[str, int]:
    """Table → rows that sequential scans have read from it so far; only tables with many rows."""
    query = "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE n_live_tup > %s"
    with psycopg.connect(url, autocommit=True) as connection:
        return dict(connection.execute(query, [BIG_ROWS]).fetchall())


def _composed(statement: str, snapshot: str, first: int, last: int, total: int) -> sql.Composed:
    values = {"total": sql.Literal(total), "days": sql.Literal(DAYS)}
    numbers = {"first": sql.Literal(first), "last": sql.Literal(last)}
    ids = sql.SQL(IDS).format(when=sql.SQL(WHEN).format(**values), **numbers)
    state = sql.SQL(STATE).format(**values)
    return sql.SQL(statement).format(snapshot=sql.Literal(snapshot), ids=ids, state=state, **numbers)
