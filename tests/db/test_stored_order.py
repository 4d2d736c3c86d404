"""A value in the order of `as_stored` is, key by key, what Postgres gives back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from app.db import Database
from app.digests import as_stored


@pytest.mark.parametrize(
    "value",
    [
        {"title": 1, "goal": 2, "b": 3, "a": 4},
        {"names": [{"zz": 1, "y": {"long key": 1, "key": 2}}], "x": []},
        {"ä": 1, "zz": 2, "z": 3, "€": 4, "abc": 5, "": 6},
        [{"b": 1, "a": None}, "text", 1.5],
    ],
)
async def test_it_is_the_order_of_jsonb(database: Database, value: Any) -> None:
    async with database.connection() as connection:
        [read] = await (await connection.execute("SELECT %s", (Jsonb(value),))).fetchone() or ()
    assert json.dumps(as_stored(value)) == json.dumps(read)
    assert as_stored(value) == value
