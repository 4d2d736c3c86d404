"""Whose turn it is: priority, then the batch with the fewest calls in flight, then turns, then age."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from app.db import Database
from app.tables import Priority
from tests.db.limiting import Holding, held, limit, process, waiting
from tests.db.scripted import soon

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PRIORITIES = st.sampled_from(list(Priority))


class Table:
    """The slots as the functions of the database keep them, for any number of processes at once."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection

    def begin(self, **most: int | None) -> None:
        """No slots, and these limits: `a=2` is `backend:a`, `p=1` is `profile:p`."""
        self._connection.execute("TRUNCATE call_slots, call_limits, call_rates")
        for name, figure in most.items():
            kind = "backend" if name in "ab" else "profile"
            if figure is not None:
                self._connection.execute(
                    "INSERT INTO call_limits (name, max_concurrent) VALUES (%s, %s)",
                    (f"{kind}:{name}", figure),
                )

    def ask(
        self, backend: str = "a", profile: str = "p", batch: str = "", priority: Priority = Priority.BATCH
    ) -> UUID:
        slot = uuid4()
        self._connection.execute(
            "SELECT ask_call_slot(%s, 'w', %s, %s, %s, %s, 10, interval '1 day')",
            (slot, f"backend:{backend}", f"profile:{profile}", batch, priority.value),
        )
        return slot

    def release(self, slot: UUID) -> list[UUID]:
        """The slots that were granted, in their order."""
        row = self._connection.execute("SELECT release_call_slot(%s, 'w', 0) AS granted", (slot,)).fetchone()
        assert row is not None
        granted: list[UUID] = row["granted"]
        return granted

    def rows(self, *, in_flight: bool) -> list[DictRow]:
        asked = "SELECT * FROM call_slots WHERE (granted_at IS NOT NULL) = %s ORDER BY asked_at"
        return self._connection.execute(asked, (in_flight,)).fetchall()

    def most(self) -> dict[str, int]:
        rows = self._connection.execute("SELECT name, max_concurrent FROM call_limits").fetchall()
        return {row["name"]: row["max_concurrent"] for row in rows}


@pytest.fixture
def table(database_url: str) -> Iterator[Table]:
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield Table(connection)


def has_room(row: DictRow, flying: list[DictRow], most: dict[str, int]) -> bool:
    return all(
        sum(name in (other["backend"], other["profile"]) for other in flying) < most.get(name, 10**9)
        for name in (row["backend"], row["profile"])
    )


def expected(waiting: list[DictRow], flying: list[DictRow], most: dict[str, int]) -> list[UUID]:
    """Who should go, by the rule in words: the specification that the database is checked against."""
    waiting, flying, granted = list(waiting), list(flying), []

    def rank(row: DictRow) -> tuple[object, ...]:
        of_batch = [o for o in flying if (o["backend"], o["batch"]) == (row["backend"], row["batch"])]
        return -row["priority"], len(of_batch), row["turn"], row["asked_at"]

    while open_rows := [row for row in waiting if has_room(row, flying, most)]:
        best = min(open_rows, key=rank)
        waiting.remove(best)
        flying.append(best)
        granted.append(best["id"])
    return granted


@QUICK
@given(data=st.data(), a=st.integers(1, 3), b=st.integers(1, 2) | st.none(), p=st.integers(1, 2) | st.none())
def test_whatever_happens_the_right_ones_go_and_never_too_many(
    table: Table, data: st.DataObject, a: int, b: int | None, p: int | None
) -> None:
    table.begin(a=a, b=b, p=p, q=2)
    for _ in range(data.draw(st.integers(1, 25))):
        flying, waiting = table.rows(in_flight=True), table.rows(in_flight=False)
        if data.draw(st.integers(0, 2)) and len(waiting) < 12:
            table.ask(
                data.draw(st.sampled_from("ab")),
                data.draw(st.sampled_from("pq")),
                data.draw(st.sampled_from(["", "x", "y"])),
                data.draw(PRIORITIES),
            )
        elif flying or waiting:
            gone = data.draw(st.sampled_from([row["id"] for row in [*flying, *waiting]]))
            rest = [[row for row in rows if row["id"] != gone] for rows in (waiting, flying)]
            assert table.release(gone) == expected(rest[0], rest[1], table.most())
        flying, most = table.rows(in_flight=True), table.most()
        assert [row for row in table.rows(in_flight=False) if has_room(row, flying, most)] == []
        for name, figure in most.items():
            assert sum(name in (row["backend"], row["profile"]) for row in flying) <= figure


@QUICK
@given(room=st.integers(1, 3), large=st.integers(4, 30), small=st.integers(2, 8), late=st.integers(0, 3))
def test_a_small_batch_that_comes_later_shares_evenly_with_a_large_one(
    table: Table, room: int, large: int, small: int, late: int
) -> None:
    table.begin(a=room)
    batch_of = {table.ask(batch="large"): "large" for _ in range(large)}
    flying = [row["id"] for row in table.rows(in_flight=True)]
    for _ in range(late):
        flying += table.release(flying.pop(0)) if flying else []
    batch_of |= {table.ask(batch="small"): "small" for _ in range(small)}
    went: list[str] = []
    while flying and {"large", "small"} <= {row["batch"] for row in table.rows(in_flight=False)}:
        granted = table.release(flying.pop(0))
        flying += granted
        went += [batch_of[slot] for slot in granted]
        assert went.count("small") >= went.count("large") - 1
        assert went.count("large") >= went.count("small") - room - 1


def test_a_backend_that_is_full_holds_up_no_other(table: Table) -> None:
    table.begin(a=1, b=1)
    first = table.ask("a")
    table.ask("a", priority=Priority.INTERACTIVE)
    table.ask("b", priority=Priority.IDLE)
    assert {row["backend"] for row in table.rows(in_flight=True)} == {"backend:a", "backend:b"}
    [next_one] = table.release(first)
    assert next_one in {row["id"] for row in table.rows(in_flight=True)}


async def test_an_interactive_call_overtakes_batches_that_wait_and_they_overtake_idle_ones(
    database: Database,
) -> None:
    await limit(database, max_concurrent=1)
    async with process(database) as one, process(database) as another:
        first = await held(one, priority=Priority.BATCH, group="large")
        queue: dict[str, Holding] = {}
        for name, limits, priority in (
            ("idle", one, Priority.IDLE),
            ("batch", another, Priority.BATCH),
            ("later", one, Priority.BATCH),
            ("interactive", another, Priority.INTERACTIVE),
        ):
            queue[name] = await waiting(database, limits, priority=priority)
        await first.end()
        for name in ("interactive", "batch", "later", "idle"):
            await soon(queue[name].inside.wait())
            assert [other for other, call in queue.items() if call.inside.is_set()] == [name]
            await queue.pop(name).end()
