"""Idempotency-Key: a request that is sent twice is done once, and answered twice with the same words."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.errors import Conflict, Invalid
from app.tables import IdempotentRequest
from app.tables.request import KEPT

UNDER_WAY = 0
"""Status of a request that has no answer yet."""
SECRET = frozenset({"/tokens"})
"""Paths whose answers hold a secret, which is stored nowhere."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Claim:
    """A request by its key, within its caller."""

    caller: str
    key: str
    digest: str


def claim_of(caller: str, key: str, method: str, path: str, query: str, body: bytes) -> Claim:
    """Raises `Invalid` for a key that is none, and where answers can not be kept."""
    if path in SECRET:
        raise Invalid(f"{path} takes no key: its answer is secret and not kept", place="Idempotency-Key")
    if not _KEY.fullmatch(key):
        raise Invalid("an Idempotency-Key has 1 to 200 visible ASCII characters", place="Idempotency-Key")
    request = f"{method} {path}?{query}\n".encode() + body
    return Claim(caller, key, hashlib.sha256(request).hexdigest())


async def take(session: AsyncSession, claim: Claim) -> Response | None:
    """None: the key is ours and the request is to be done. Else the answer that was given then.

    Raises `Invalid` when the key was used for another request, `Conflict` while the first one is under way.
    """
    await session.execute(delete(IdempotentRequest).where(_is(claim), _is_old()))
    taken = await session.scalar(
        insert(IdempotentRequest)
        .values(caller=claim.caller, key=claim.key, request_digest=claim.digest, status=UNDER_WAY, body={})
        .on_conflict_do_nothing()
        .returning(IdempotentRequest.key)
    )
    if taken is not None:
        return None
    row = await session.scalar(select(IdempotentRequest).where(_is(claim)))
    if row is not None and row.request_digest != claim.digest:
        raise Invalid("this Idempotency-Key was used for another request", place="Idempotency-Key")
    if row is None or row.status == UNDER_WAY:
        raise Conflict(
            "the first request with this Idempotency-Key has no answer yet; "
            "look at what it made before you send it with a new key"
        )
    headers = {**row.body["headers"], "idempotent-replayed": "true"}
    return Response(row.body["content"], row.status, headers=headers)


async def keep(session: AsyncSession, claim: Claim, status: int, headers: dict[str, str], body: str) -> None:
    answer = {"headers": headers, "content": body}
    await session.execute(update(IdempotentRequest).where(_is(claim)).values(status=status, body=answer))


async def release(session: AsyncSession, claim: Claim) -> None:
    """Nothing was done, so the key may be used again."""
    await session.execute(delete(IdempotentRequest).where(_is(claim)))


def _is_old() -> ColumnElement[bool]:
    return func.clock_timestamp() - IdempotentRequest.created_at > KEPT


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(IdempotentRequest.caller == claim.caller, IdempotentRequest.key == claim.key)
