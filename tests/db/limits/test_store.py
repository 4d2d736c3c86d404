"""Limits as people read and write them."""

from __future__ import annotations

import pytest

from app.db import Database
from app.errors import Invalid, NotFound
from app.limits import store
from app.limits.store import LimitState
from app.tables import ModelProfile
from tests.db.limiting import held, limit, process, waiting

BACKENDS = ("a", "b")


async def change(database: Database, name: str, **figures: int | None) -> LimitState:
    async with database.transaction() as session:
        return await store.change(session, name, figures, BACKENDS)


async def test_a_limit_says_who_is_in_and_who_waits(database: Database) -> None:
    await limit(database, max_concurrent=1)
    await limit(database, "profile:q", max_concurrent=5)
    async with process(database) as limits:
        calls = [await held(limits), await waiting(database, limits), await waiting(database, limits)]
        async with database.transaction() as session:
            found = {state.name: (state.in_use, state.waiting) for state in await store.states(session)}
        assert found == {"backend:a": (1, 2), "profile:q": (0, 0)}
        for call in calls:
            await call.end()


async def test_what_is_not_given_stays_and_none_takes_a_figure_away(database: Database) -> None:
    await change(database, "backend:a", max_concurrent=3, requests_per_minute=10)
    changed = await change(database, "backend:a", requests_per_minute=None, tokens_per_minute=7)
    assert (changed.max_concurrent, changed.requests_per_minute, changed.tokens_per_minute) == (3, None, 7)
    assert changed.edited_at is not None


async def test_a_limit_of_a_profile_needs_the_profile(database: Database) -> None:
    async with database.transaction() as session:
        about = {"description": "d", "backend": "a", "model": "m", "think": "off"}
        session.add(ModelProfile(name="p", context_tokens=1, max_output_tokens=1, **about))
    assert (await change(database, "profile:p", max_concurrent=1)).name == "profile:p"
    with pytest.raises(NotFound, match="no model profile 'q'; there are: p"):
        await change(database, "profile:q", max_concurrent=1)


@pytest.mark.parametrize("name", ["backend:c", "a", "model:a", ""])
async def test_a_limit_of_nothing_is_refused(database: Database, name: str) -> None:
    said = "there are: a, b" if ":c" in name else "named backend:… or profile:…"
    with pytest.raises((NotFound, Invalid), match=said):
        await change(database, name, max_concurrent=1)
