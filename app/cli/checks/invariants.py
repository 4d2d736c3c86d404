"""The invariants of all runs, one finding each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict

from sqlalchemy.exc import SQLAlchemyError

from app.cli.checks.finding import Finding, fail, ok
from app.cli.opening import opened_database
from app.errors import WorkbenchError
from app.pipelines.invariants import Examined, examine
from app.settings import Settings

SHOWN = 5
REMEDY = "nothing repairs this by itself: report it with the output of `workbench doctor --invariants --json`"


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Reads only; workers may go on meanwhile."""
    try:
        async with opened_database(settings) as database:
            async for examined in examine(database):
                yield _finding(examined)
    except (WorkbenchError, SQLAlchemyError) as error:
        said = error.message if isinstance(error, WorkbenchError) else str(error).splitlines()[0]
        yield fail(
            "database", said, "see `workbench doctor`; a database that is not at head: `workbench seed`"
        )


def _finding(examined: Examined) -> Finding:
    facts = {"count": examined.count, "violations": [asdict(each) for each in examined.violations]}
    if not examined.count:
        return ok(examined.invariant, examined.means, **facts)
    listed = [f"{each.subject}: {each.what}" for each in examined.violations[:SHOWN]]
    more = [f"and {examined.count - SHOWN} more"] if examined.count > SHOWN else []
    said = "\n".join([f"{examined.count} times not so: {examined.means}", *listed, *more])
    return fail(examined.invariant, said, REMEDY, **facts)
