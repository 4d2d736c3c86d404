"""A definition that runs a command or reaches a server is written by admins alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.tables import TokenRole

COMMAND = {
    "name": "check",
    "kind": "command",
    "artifact": "checked",
    "schema": "CommandResult",
    "settings": {"argv": ["true"]},
}
HTTP = {
    "name": "check",
    "kind": "http",
    "artifact": "checked",
    "schema": "HttpResult",
    "settings": {"url": "https://example.com/", "allow": ["example.com"]},
}
EVENT = {"name": "check", "kind": "event"}
Bearer = Callable[[TokenRole], dict[str, str]]


def lane(*phases: dict[str, Any]) -> dict[str, Any]:
    return {"name": "lane", "description": "One phase", "phases": list(phases)}


@pytest.mark.parametrize("phase", [COMMAND, HTTP], ids=["command", "http"])
async def test_an_author_can_not_add_change_or_remove_what_only_admins_may_write(
    secured: httpx.AsyncClient, bearer: Bearer, phase: dict[str, Any]
) -> None:
    author, admin = bearer(TokenRole.AUTHOR), bearer(TokenRole.ADMIN)
    assert (await secured.put("/definitions/lane", json=lane(phase), headers=author)).status_code == 403
    assert (await secured.put("/definitions/lane", json=lane(EVENT), headers=author)).status_code == 200
    one = "/phases/lane/check"
    refused = await secured.put(one, json=phase, headers=author)
    assert refused.status_code == 403
    assert "role admin" in refused.json()["detail"]
    assert (await secured.put(one, json=phase, headers=admin)).status_code == 200
    assert (await secured.put(one, json=EVENT, headers=author)).status_code == 403
    assert (await secured.put("/definitions/lane", json=lane(EVENT), headers=author)).status_code == 403
    assert (await secured.get(one, headers=author)).json()["kind"] == phase["kind"]
