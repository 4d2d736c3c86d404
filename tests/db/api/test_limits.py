"""Limits of model calls over REST."""

from __future__ import annotations

import httpx
import pytest


async def test_the_seeded_limits_are_listed_with_how_full_they_are(api: httpx.AsyncClient) -> None:
    limits = {limit.pop("name"): limit for limit in (await api.get("/limits")).json()}
    assert sorted(limits) == ["backend:anthropic", "backend:ollama", "backend:openai"]
    assert limits["backend:anthropic"] == {
        "max_concurrent": 50,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "in_use": 0,
        "waiting": 0,
        "opens_in_s": 0,
        "is_edited": False,
    }


async def test_a_limit_is_written_whole(api: httpx.AsyncClient) -> None:
    written = await api.put("/limits/profile:claude", json={"max_concurrent": 4, "tokens_per_minute": 9})
    assert written.status_code == 200
    assert (written.json()["max_concurrent"], written.json()["is_edited"]) == (4, True)
    again = (await api.put("/limits/profile:claude", json={"requests_per_minute": 5})).json()
    assert (again["max_concurrent"], again["requests_per_minute"]) == (None, 5)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("backend:ollama", {"max_concurrent": 0}, 422),
        ("backend:ollama", {"max_concurrent": 2**31}, 422),
        ("backend:ollama", {"at_once": 2}, 422),
        ("ollama", {"max_concurrent": 2}, 422),
        ("backend:nobody", {"max_concurrent": 2}, 404),
        ("profile:nobody", {"max_concurrent": 2}, 404),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, name: str, body: dict[str, int], status: int
) -> None:
    assert (await api.put(f"/limits/{name}", json=body)).status_code == status
