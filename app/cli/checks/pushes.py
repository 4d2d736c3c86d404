"""Commits that have not left this host."""

from __future__ import annotations

from sqlalchemy.exc import ProgrammingError

from app.cli.checks.finding import Finding, ok, warn
from app.db import Database
from app.pipelines import pushing

LISTED = 5
LOOKED_AT = 1_000


async def check(database: Database) -> Finding:
    try:
        async with database.transaction() as session:
            waiting = await pushing.unsent(session, LOOKED_AT)
    except ProgrammingError:
        return warn(
            "pushes", "not known before the database is at the newest migration", "run `workbench seed`"
        )
    if not waiting:
        return ok("pushes", "every commit that is to be pushed is")
    listed = [f"{str(row.pipeline_id)[:8]} to {row.url}: {row.error}" for row in waiting[:LISTED]]
    more = [f"and {len(waiting) - LISTED} more"] if len(waiting) > LISTED else []
    said = "\n".join([f"{len(waiting)} commits are not pushed", *listed, *more])
    return warn("pushes", said, "correct what the remote says, then `workbench push RUN`", count=len(waiting))
