"""Finds the run that a person means: by its id, the head of its id, or `last`."""

from __future__ import annotations

from uuid import UUID

from app.cli.invocation import command
from app.errors import Invalid, NotFound
from app.pipelines import store
from app.services import Services

SHORTEST = 4


async def find_run(services: Services, text: str) -> UUID:
    """Raises `NotFound`, or `Invalid` when several runs fit."""
    wanted = text.strip().lower()
    async with services.database.transaction() as session:
        if wanted == "last":
            newest = await store.page(session, after=None, limit=1)
            found = [run.id for run in newest]
        elif len(wanted) < SHORTEST:
            raise Invalid(f"{text!r} is too short: give at least {SHORTEST} characters of the run's id")
        else:
            found = list(await store.beginning_with(session, wanted))
    if not found:
        raise NotFound(f"no run {text!r}", hint=f"`{command('runs')}` lists them")
    if len(found) > 1:
        raise Invalid(f"{text!r} fits several runs: {', '.join(map(str, found))}")
    return found[0]
