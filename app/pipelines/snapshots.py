"""Reads what runs pinned; a snapshot never changes, so a process reads each of them once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from pydantic import ValidationError

from app.db import Database
from app.errors import Conflict, NotFound
from app.pipelines.snapshot import Snapshot

KEPT = 64


class UnreadableSnapshot(Conflict):
    """The run was started by another version of the service, or its snapshot was not written by it."""

    code = "unreadable_snapshot"


class Snapshots:
    """The snapshots that were used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Snapshot] = OrderedDict()

    async def get(self, database: Database, sha256: str) -> Snapshot:
        """Raises `NotFound` or `UnreadableSnapshot`."""
        if sha256 not in self._known:
            async with database.connection() as connection:
                query = "SELECT body FROM definition_snapshots WHERE sha256 = %s"
                row = await (await connection.execute(query, (sha256,))).fetchone()
            if row is None:
                raise NotFound(f"no snapshot {sha256}")
            self._known[sha256] = read(row[0])
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(sha256)
        return self._known[sha256]


def read(body: dict[str, Any]) -> Snapshot:
    """Raises `UnreadableSnapshot`."""
    try:
        return Snapshot.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableSnapshot(
            "the run pinned a configuration that this version of the service can not read "
            f"({place}: {first['msg']}); start a new run",
            place=place,
        ) from error
