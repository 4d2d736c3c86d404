"""The results of a batch, item by item, as JSON lines or CSV, with flat memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.db import Database
from app.pipelines.batches import store
from app.pipelines.batches.inputs import Format
from app.tables import ItemState

PAGE = 100
"""Items that are read at once, in a transaction of their own: a slow reader holds none open."""
COLUMNS = ("number", "state", "input", "pipeline_id", "attempts", "cost_usd", "error", "artifacts")

ROWS = text(
    """
    SELECT i.number, i.state, i.input, i.pipeline_id, i.attempts,
      (SELECT sum(CASE WHEN u.outcome = 'open' THEN u.reserved_usd ELSE u.cost_usd END)
       FROM pipelines p JOIN pipeline_prompt_usage u ON u.pipeline_id = p.id
       WHERE p.batch_id = i.batch_id AND p.batch_item = i.number) AS cost_usd,
      i.error,
      (SELECT jsonb_object_agg(a.name, a.body) FROM artifacts a
       WHERE a.pipeline_id = i.pipeline_id AND a.current) AS artifacts
    FROM batch_items i
    WHERE i.batch_id = :batch AND i.number > :after
      AND (CAST(:state AS text) IS NULL OR i.state = :state)
    ORDER BY i.number LIMIT :limit
    """
)


async def lines(
    database: Database, batch_id: UUID, form: Format, state: ItemState | None = None
) -> AsyncIterator[str]:
    """The text of the file, in pieces of a page. `cost_usd` is that of all attempts at the item.

    Raises `NotFound`, and `Gone` when the items were removed.
    """
    if form is Format.CSV:
        yield _csv([COLUMNS])
    after = 0
    while True:
        async with database.transaction() as session:
            store.check_items(await store.get(session, batch_id))  # they may go while somebody reads slowly
            found = await session.execute(
                ROWS, {"batch": batch_id, "after": after, "state": state, "limit": PAGE}
            )
            rows = [_record(row) for row in found]
        if not rows:
            return
        yield _jsonl(rows) if form is Format.JSONL else _csv([_cells(row) for row in rows])
        after = rows[-1]["number"]


def _record(row: Row[Any]) -> dict[str, Any]:
    found = dict(zip(COLUMNS, row, strict=True))
    found["pipeline_id"] = str(row.pipeline_id) if row.pipeline_id else None
    found["cost_usd"] = str(row.cost_usd or 0)
    found["artifacts"] = row.artifacts or {}
    return found


def _jsonl(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _cells(row: dict[str, Any]) -> list[Any]:
    """Objects as JSON in their column, nothing as an empty one."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value for value in row.values()
    ]


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)  # ends lines with CR LF, and so quotes both
    return made.getvalue()
