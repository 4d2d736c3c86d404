"""The statements of a model call that no budget counts: one opens its row, one settles it.

Each is its own transaction on a plain connection, a third of the time that a session takes. Where a budget
has a say they write nothing, and the recorder goes the longer way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.usage.reserving import TODAY

STEP = ("pipeline_id", "phase", "item", "round", "step", "request_digest")
"""What a stored answer is found by."""
_OPENED = (
    "phase", "item", "round", "step", "backend", "profile", "model", "role", "prompt_digest",
    "prompt_version", "request_digest", "pipeline_id", "phase_run_id", "route", "cascade_step", "reason",
    "mode", "cached_from", "reserved_tokens", "reserved_usd", "price_version",
)  # fmt: skip
_SETTLED = (
    "outcome", "error", "request_id", "thinking_estimated", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "cache_write_1h_tokens", "output_tokens", "thinking_tokens", "cost_usd",
    "price_version",
)  # fmt: skip
_OF_STEP = " AND ".join(f"{name} = %({name})s" for name in STEP)
STORED = f"SELECT answer FROM model_answers WHERE {_OF_STEP}"  # noqa: S608 - constants
OPEN = f"""
    INSERT INTO pipeline_prompt_usage ({", ".join(_OPENED)}, outcome)
    SELECT {", ".join(f"%({name})s" for name in _OPENED)}, 'open'
    WHERE NOT EXISTS (
        SELECT FROM model_answers WHERE {_OF_STEP}
    ) AND NOT EXISTS (
        SELECT FROM budgets
        WHERE name IN ({TODAY}, 'run:' || %(pipeline_id)s::uuid, 'project:' || coalesce(
                  %(project_id)s::int, (SELECT project_id FROM pipelines WHERE id = %(pipeline_id)s)))
           OR name IN ('run', 'day') AND (limit_usd IS NOT NULL OR limit_tokens IS NOT NULL)
    )
    RETURNING id
"""  # noqa: S608 - constants
SETTLE = f"""
    WITH settled AS (
        UPDATE pipeline_prompt_usage
        SET {", ".join(f"{name} = %({name})s" for name in _SETTLED)}, weakened = %(weakened)s,
            settled_at = clock_timestamp()
        WHERE id = %(id)s AND outcome = 'open' AND budgets = '{{}}'
        RETURNING id
    ), kept AS (
        INSERT INTO model_answers (usage_id, {", ".join(STEP)}, answer)
        SELECT settled.id, {", ".join(f"%({name})s" for name in STEP)}, %(answer)s
        FROM settled WHERE %(answer)s::jsonb IS NOT NULL AND %(pipeline_id)s::uuid IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM settled
"""  # noqa: S608 - constants


async def stored_answer(connection: AsyncConnection, values: Mapping[str, Any]) -> dict[str, Any] | None:
    row = await (await connection.execute(STORED.encode(), values)).fetchone()
    return None if row is None else dict(row[0])


async def open_row(connection: AsyncConnection, values: Mapping[str, Any]) -> int | None:
    """Id of the new row. None: the answer is stored already, or a budget has a say; nothing is written."""
    row = await (await connection.execute(OPEN.encode(), values)).fetchone()
    return None if row is None else int(row[0])


async def settle_row(connection: AsyncConnection, values: Mapping[str, Any]) -> bool:
    """Whether the row was open, and counted in no budget; else nothing is written."""
    body = {**values, "weakened": Jsonb(values["weakened"])}
    if values["answer"] is not None:
        body["answer"] = Jsonb(values["answer"])
    return await (await connection.execute(SETTLE.encode(), body)).fetchone() is not None
