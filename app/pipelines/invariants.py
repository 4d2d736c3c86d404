"""Looks for breaches of the invariants, in the database and in the repositories of the projects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.db import Database
from app.errors import WorkbenchError
from app.pipelines.phases.commit import BRANCH_FOLDER
from app.pipelines.rules import PHASES, RULES, Rule
from app.workspace.audit import Promised, faults, integrity, left_locks
from app.workspace.repository import open_repository

LISTED = 20
"""Violations of one invariant that are listed; all are counted."""
PATIENCE_S = 30
"""How long a run may want a worker, while one lives, before it counts as forgotten."""
ALIVE_S = 15
"""A worker that gave no sign for this long counts as gone."""

ONE_COMMIT = "one commit"
REPOSITORY_WHOLE = "repository whole"
IN_REPOSITORIES = {
    ONE_COMMIT: "a run that succeeded has one commit in the repository, unless a person discarded it; one "
    "without an intent has no branch",
    REPOSITORY_WHOLE: "git fsck --strict is clean, and no lock of a killed git is left",
}

PROMISES = text(
    """
    SELECT projects.path, intent.pipeline_id::text AS run, intent.parent,
           CASE WHEN state = 'succeeded' AND discarded_at IS NULL THEN artifacts.body->>'commit' END
             AS recorded
    FROM projects
    LEFT JOIN (pipelines JOIN commit_intents AS intent ON intent.pipeline_id = pipelines.id)
      ON project_id = projects.id
    LEFT JOIN (artifacts JOIN phase_runs ON phase_runs.id = phase_run_id AND kind = 'commit')
      ON artifacts.pipeline_id = pipelines.id AND artifacts.current
    ORDER BY projects.path
    """
)
"""Every project, with the runs that had the intent to commit to it. A person may discard what came of it."""
SILENT = text(
    """
    SELECT projects.path, pipelines.id::text AS run FROM projects JOIN pipelines ON project_id = projects.id
    WHERE NOT EXISTS (SELECT FROM commit_intents WHERE pipeline_id = pipelines.id)
    ORDER BY projects.path
    """
)
"""Runs that had no such intent. A branch of a run that this database does not know is not judged."""


@dataclass(frozen=True)
class Violation:
    """One breach of one invariant."""

    invariant: str
    subject: str
    """Mostly the id of a run."""
    what: str


@dataclass(frozen=True)
class Examined:
    """What came of looking for breaches of one invariant."""

    invariant: str
    means: str
    count: int
    violations: tuple[Violation, ...]
    """At most `LISTED` of them."""


async def check(database: Database, *, repositories: bool = True) -> list[Violation]:
    """Every breach that is listed. Empty: all invariants hold."""
    examined = [one async for one in examine(database, repositories=repositories)]
    return [violation for one in examined for violation in one.violations]


async def examine(database: Database, *, repositories: bool = True) -> AsyncIterator[Examined]:
    """One invariant after the other, each as of one moment; workers may go on meanwhile.

    Repositories that this host does not have are left out.
    """
    for rule in RULES:
        yield await _in_database(database, rule)
    if repositories:
        found = [violation async for violation in _in_repositories(database)]
        for name, means in IN_REPOSITORIES.items():
            breaches = tuple(violation for violation in found if violation.invariant == name)
            yield Examined(name, means, len(breaches), breaches[:LISTED])


async def _in_database(database: Database, rule: Rule) -> Examined:
    query = text(
        f"WITH phases AS MATERIALIZED ({PHASES}), breaches AS ({rule.query}) "  # noqa: S608 - constants
        f"SELECT subject, what, count(*) OVER () AS found FROM breaches LIMIT {LISTED}"
    )
    values = {"patience": PATIENCE_S, "alive": ALIVE_S}
    async with database.statement() as connection:
        rows = (await connection.execute(query, values)).all()
    violations = tuple(Violation(rule.name, row.subject, row.what) for row in rows)
    return Examined(rule.name, rule.means, rows[0].found if rows else 0, violations)


async def _in_repositories(database: Database) -> AsyncIterator[Violation]:
    async with database.statement() as connection:
        silent = (await connection.execute(SILENT)).all()
        promises = (await connection.execute(PROMISES)).all()
    without = {path: frozenset(row.run for row in rows) for path, rows in groupby(silent, _path)}
    for path, rows in groupby(promises, _path):
        if not await asyncio.to_thread(path.is_dir):
            continue
        promised = {row.run: Promised(row.parent, row.recorded) for row in rows if row.run is not None}
        try:
            async for violation in _repository(path, promised, without.get(path, frozenset())):
                yield violation
        except WorkbenchError as error:
            yield Violation(REPOSITORY_WHOLE, str(path), error.message)


async def _repository(
    path: Path, promised: dict[str, Promised], silent: frozenset[str]
) -> AsyncIterator[Violation]:
    repo = await open_repository(path)
    async for subject, what in faults(repo, BRANCH_FOLDER, promised, silent):
        yield Violation(ONE_COMMIT, subject, what)
    if (said := await integrity(repo)) is not None:
        yield Violation(REPOSITORY_WHOLE, str(path), said)
    for lock in await left_locks(repo, BRANCH_FOLDER):
        yield Violation(REPOSITORY_WHOLE, str(path), f"a killed git left {lock.name}")


def _path(row: Any) -> Path:
    return Path(row.path)
