"""The plans of the statements that our own code sends, as it sends them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncCursor, AsyncRawCursor
from sqlalchemy import event

from app.db import Database
from app.queue.driver import PoolDriver

READS_OR_WRITES = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")


@dataclass(frozen=True)
class Statement:
    """A statement with its values, in the notation of the driver (`%(name)s`) or of the server (`$1`)."""

    text: str
    values: Any
    raw: bool = False


@dataclass(frozen=True)
class Plan:
    """What the server would do."""

    shape: str
    """The nodes that read tables, with their indexes."""
    scanned: frozenset[str]
    """Tables that are read from end to end."""


class Watched(Database):
    """A database that remembers every statement that is sent through it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, pool_size=2)
        self.sent: list[Statement] = []
        event.listen(self.engine.sync_engine, "before_cursor_execute", self._note)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        sent = self.sent

        class Noting(AsyncCursor[Any]):
            async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                sent.append(Statement(query if isinstance(query, str) else bytes(query).decode(), params))
                return await super().execute(query, params, **options)

        async with await psycopg.AsyncConnection.connect(
            self.url, autocommit=True, cursor_factory=Noting
        ) as connection:
            yield connection

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self.sent.append(Statement(statement, parameters))


class NotingDriver(PoolDriver):
    """The queue's statements."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched, None)  # type: ignore[arg-type]  # it listens to nothing
        self._sent = watched.sent

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        self._sent.append(Statement(query, args or None, raw=True))
        return await super().fetch(query, *args)


async def explained(url: str, statements: Sequence[Statement]) -> list[Plan]:
    """The plan of every statement that reads or writes rows."""
    plans = []
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            if not statement.text.lstrip().upper().startswith(READS_OR_WRITES):
                continue
            kind = AsyncRawCursor if statement.raw else AsyncCursor
            async with kind(connection) as cursor:
                query = f"EXPLAIN (FORMAT JSON) {statement.text}".encode()
                row = await (await cursor.execute(query, statement.values)).fetchone()
            plans.append(_plan(row[0][0]["Plan"]))  # type: ignore[index]
    return plans


def _plan(root: Mapping[str, Any]) -> Plan:
    nodes = list(_nodes(root))
    reads = [_name(node) for node in nodes if "Relation Name" in node or "Index Name" in node]
    scans = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    return Plan(", ".join(reads) or "no table", frozenset(scans))


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _name(node: Mapping[str, Any]) -> str:
    kind = (
        node.get("Operation", node["Node Type"]) if node["Node Type"] == "ModifyTable" else node["Node Type"]
    )
    table, index = node.get("Relation Name"), node.get("Index Name")
    return f"{kind} {index or table}" if not (table and index) else f"{kind} {table} by {index}"
