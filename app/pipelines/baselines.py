"""What the tests of base commits said: kept, so that they run once for all runs that begin there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.digests import digest
from app.tables import TestBaseline
from app.workspace.sandbox.verdict import Required


@dataclass(frozen=True)
class BaselineKey:
    """Which tests of which commit."""

    project_id: int
    commit: str
    how: Mapping[str, Any]
    """All that decides which tests run: adapter, command, interpreter, environment."""

    @property
    def sha256(self) -> str:
        return digest(dict(self.how))


class Baselines(Protocol):
    """Where they are kept."""

    async def find(self, key: BaselineKey) -> Required | None:
        """None: the tests of this commit did not run yet."""

    async def keep(self, key: BaselineKey, found: Required) -> None:
        """What is kept already and asks for more is replaced: a test that fails at times proves nothing."""


class StoredBaselines:
    """In the table `test_baselines`, for all workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: BaselineKey) -> Required | None:
        wanted = (key.project_id, key.commit, key.sha256)
        async with self._database.transaction() as session:
            row = await session.get(TestBaseline, wanted)
            return None if row is None else Required(row.body["tests"], tuple(row.body["passed"]))

    async def keep(self, key: BaselineKey, found: Required) -> None:
        body = {"tests": found.tests, "passed": list(found.passed)}
        values = {"project_id": key.project_id, "commit": key.commit, "command_sha256": key.sha256}
        statement = insert(TestBaseline).values(**values, body=body)
        async with self._database.transaction() as session:
            kept = await session.scalar(
                select(TestBaseline).filter_by(**values).with_for_update(key_share=True)
            )
            if kept is None:
                await session.execute(statement.on_conflict_do_nothing())
            elif len(kept.body["passed"]) > len(found.passed):
                kept.body = body


def in_both(one: Required, other: Required) -> Required:
    """What two runs of the same tests agree on."""
    common = Counter(one.passed) & Counter(other.passed)
    return Required(min(one.tests, other.tests), tuple(sorted(common.elements())))
