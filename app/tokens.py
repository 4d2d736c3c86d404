"""Bearer tokens of the API: make, find, list, revoke. Only a hash is stored; the text is shown once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, Invalid, NotFound
from app.tables import ApiToken, TokenRole

PREFIX = "workbench_"
FIRST_FILE = "admin.token"
"""Where in the state folder the first token stands."""
USED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is; a write per request would cost more than it tells."""

RESERVED = frozenset({"cancelled", "deadline", "local"})
"""Names that stand for somebody else where a decision says who made it."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{43}})([0-9A-Za-z]{{6}})")


async def create(
    session: AsyncSession, name: str, role: TokenRole, lifetime: timedelta | None = None
) -> tuple[ApiToken, str]:
    """A new token: its row, and its text, which can not be had again. Raises `Invalid` for its name."""
    if name in RESERVED:
        raise Invalid(f"{name!r} signs what the service itself decides: choose another name", place="name")
    text = _new_text()
    row = ApiToken(
        name=name,
        prefix=text[: len(PREFIX) + 4],
        sha256=_hash(text),
        role=role,
        expires_at=None if lifetime is None else func.clock_timestamp() + lifetime,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row, text


async def find(session: AsyncSession, text: str) -> ApiToken | None:
    """The row of a token that is good now, else None: unknown, revoked and expired look the same."""
    if not is_well_formed(text):
        return None
    sha256 = _hash(text)
    row = await session.scalar(
        select(ApiToken).where(
            ApiToken.sha256 == sha256,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at.is_(None) | (ApiToken.expires_at > func.clock_timestamp()),
        )
    )
    if row is None or not hmac.compare_digest(row.sha256, sha256):
        return None
    if row.last_used_at is None or datetime.now(UTC) - row.last_used_at > USED_EVERY:
        row.last_used_at = func.clock_timestamp()
        await session.flush()
    return row


async def every(session: AsyncSession) -> Sequence[ApiToken]:
    return (await session.scalars(select(ApiToken).order_by(ApiToken.id))).all()


async def revoke(session: AsyncSession, token_id: int) -> ApiToken:
    """End the token now. Raises `NotFound`, or `Conflict` for the last admin token."""
    rows = (await session.scalars(select(ApiToken).with_for_update())).all()
    row = next((row for row in rows if row.id == token_id), None)
    if row is None:
        raise NotFound(f"no token {token_id}")
    if row.revoked_at is None:
        others = (other for other in rows if other.id != token_id)
        if row.role == TokenRole.ADMIN and not any(_is_admin(other) for other in others):
            raise Conflict("this is the last admin token: make another one before you revoke it")
        row.revoked_at = func.clock_timestamp()
        await session.flush()
        await session.refresh(row)
    return row


async def ensure_first(session: AsyncSession, folder: Path) -> str | None:
    """An admin token where there is none, written to `admin.token` in `folder`. None: there is one."""
    # two processes that start at once must not both make a first token
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("api_tokens:first"))))
    if any(_is_admin(row) for row in await every(session)):
        return None
    _, text = await create(session, "first", TokenRole.ADMIN)
    await asyncio.to_thread(_write_secret, folder / FIRST_FILE, text + "\n")
    return text


def is_well_formed(text: str) -> bool:
    """Whether the checksum fits: a typo or another service's token needs no query."""
    found = _FORM.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def _is_admin(row: ApiToken) -> bool:
    return (
        row.role == TokenRole.ADMIN
        and row.revoked_at is None
        and (row.expires_at is None or row.expires_at > datetime.now(UTC))
    )


def _new_text() -> str:
    secret = secrets.token_urlsafe(32)
    return f"{PREFIX}{secret}{_checksum(secret)}"


def _checksum(secret: str) -> str:
    """CRC-32 as six characters: secret scanners recognise a token by it."""
    rest, found = zlib.crc32(secret.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _write_secret(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
