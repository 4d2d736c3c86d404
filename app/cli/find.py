"""Finds the run, batch or improvement that a person means: by its id, the head of its id, or `last`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.cli.invocation import command
from app.errors import Invalid, NotFound
from app.pipelines import store
from app.pipelines.batches import store as batches
from app.pipelines.improvements import standing as improvements
from app.services import Services

SHORTEST = 4


async def find_run(services: Services, text: str) -> UUID:
    """Raises `NotFound`, or `Invalid` when several runs fit."""
    async with services.database.transaction() as session:
        if text.strip().lower() == "last":
            found = [run.id for run in await store.page(session, after=None, limit=1)]
        else:
            found = list(await store.beginning_with(session, _head(text, "run")))
    return _only(found, text, "run", command("runs"))


async def find_batch(services: Services, text: str) -> UUID:
    """Raises `NotFound`, or `Invalid` when several batches fit."""
    async with services.database.transaction() as session:
        if text.strip().lower() == "last":
            found = [batch.id for batch in await batches.page(session, after=None, limit=1)]
        else:
            found = list(await batches.beginning_with(session, _head(text, "batch")))
    return _only(found, text, "batch", command("batches", "list"))


async def find_improvement(services: Services, text: str) -> UUID:
    """Raises `NotFound`, or `Invalid` when several improvements fit."""
    async with services.database.transaction() as session:
        if text.strip().lower() == "last":
            found = [batch.id for _, batch in await improvements.page(session, after=None, limit=1)]
        else:
            found = list(await improvements.beginning_with(session, _head(text, "improvement")))
    return _only(found, text, "improvement", command("improvements", "list"))


def _head(text: str, what: str) -> str:
    wanted = text.strip().lower()
    if len(wanted) < SHORTEST:
        raise Invalid(f"{text!r} is too short: give at least {SHORTEST} characters of the {what}'s id")
    return wanted


def _only(found: Sequence[UUID], text: str, what: str, listing: str) -> UUID:
    if not found:
        raise NotFound(f"no {what} {text!r}", hint=f"`{listing}` lists them")
    if len(found) > 1:
        several = "batches" if what == "batch" else f"{what}s"
        raise Invalid(f"{text!r} fits several {several}: {', '.join(map(str, found))}")
    return found[0]
