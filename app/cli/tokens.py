"""Carries out `token`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app import tokens
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stderr, stdout, table
from app.errors import Invalid
from app.services import Services
from app.tables import ApiToken, TokenRole


def create(name: str, role: str, days: int | None) -> None:
    """The text alone goes to stdout, so that it can be piped into a file."""
    if not name.strip():
        raise Invalid("a token needs a name, such as who will use it", place="name")

    async def write(services: Services) -> tuple[ApiToken, str]:
        lifetime = None if days is None else timedelta(days=days)
        async with services.database.transaction() as session:
            return await tokens.create(session, name.strip(), TokenRole(role), lifetime)

    made, text = with_services(read_settings(), write)
    say(stderr(), f"token {made.id} ({made.role}); it is shown this once:")
    sys.stdout.write(text + "\n")


def list_tokens(*, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[ApiToken]:
        async with services.database.transaction() as session:
            return await tokens.every(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_as_json(token) for token in found])
        return
    made = table("id", "name", "role", "begins", "state", "last used (UTC)", right=("id",))
    for token in found:
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        row(made, token.id, token.name, token.role, f"{token.prefix}…", _state(token), used)
    emit(stdout(), made)


def revoke(token_id: int) -> None:
    async def write(services: Services) -> ApiToken:
        async with services.database.transaction() as session:
            return await tokens.revoke(session, token_id)

    ended = with_services(read_settings(), write)
    say(stdout(), f"token {ended.id} ({ended.name}) is revoked")


def _state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is None:
        return "good"
    return "expired" if token.expires_at < datetime.now(UTC) else f"good until {token.expires_at:%Y-%m-%d}"


def _as_json(token: ApiToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "prefix": token.prefix,
        "state": _state(token),
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }
