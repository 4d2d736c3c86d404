"""The response cache: a validated answer is given again to the very same question, for a while."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, func, insert, select, update

from app.db import LOST, Database, first_line, is_cancelled
from app.digests import digest
from app.llm import cache_rows
from app.llm.digest import request_digest
from app.llm.types import Answer, Call
from app.tables import CachedAnswer, PromptUsage
from app.usage.tokens import Tokens

ROW_BYTES = 512
"""What a row takes beside its answer, with its place in four indexes: many small answers count too."""
NEVER_KEPT = frozenset({"recorded"})
"""Backends whose answers cost nothing to get again."""


@dataclass(frozen=True)
class Cached:
    """An answer as it once came. Who takes it judges it again: the code that validates may be newer."""

    text: str
    model: str
    tokens: Tokens
    """What it once cost."""
    usage_id: int
    """The row of the ledger that paid for it."""

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps answers for replay."""
        return {"text": self.text, "model": self.model, "tokens": asdict(self.tokens)}


log = logging.getLogger(__name__)
_STORED = TypeAdapter(Cached)


class ResponseCache:
    """Keyed by all that decides an answer: backend, model, parameters, conversation, schema, sample.

    An answer that took re-asks is kept under the conversation with the re-asks in it, never under the first
    question alone. Whoever changes what is kept holds the row of its size: no two writers pass the cap.
    """

    def __init__(self, database: Database, ttl: timedelta, max_bytes: int) -> None:
        """With no time or no room it keeps nothing and finds nothing."""
        self._database = database
        self._ttl = ttl
        self._max_bytes = max_bytes

    async def get(self, call: Call, sample: int = 0) -> Cached | None:
        """What was answered; None: nothing that can be used. One statement."""
        if not self._takes(call):
            return None
        hit = (
            update(CachedAnswer)
            .where(CachedAnswer.key == cache_key(call, sample), CachedAnswer.expires_at > func.now())
            .values(last_used_at=func.now())
            .returning(CachedAnswer.answer, CachedAnswer.usage_id)
        )
        try:
            async with self._database.statement() as connection:
                found = (await connection.execute(hit)).one_or_none()
        except LOST as error:
            _miss(error)
            return None
        return None if found is None else _read(found.answer, found.usage_id)

    async def put(self, call: Call, answer: Answer, usage_id: int, sample: int = 0) -> bool:
        """Keep a validated answer. False: it is not kept, for want of room, or because nothing is."""
        kept = Cached(answer.text, answer.model, answer.tokens, usage_id).as_json()
        size = len(json.dumps(kept, ensure_ascii=False).encode()) + ROW_BYTES
        if not self._takes(call) or size > self._max_bytes:
            return False
        row = {"key": cache_key(call, sample), "usage_id": usage_id, "answer": kept, "size": size}
        try:
            return await self._put(row, size)
        except LOST as error:
            _miss(error)
            return False

    async def _put(self, row: dict[str, Any], size: int) -> bool:
        async with self._database.transaction() as session:
            used = await cache_rows.lock(session)
            used -= sum(await cache_rows.remove(session, CachedAnswer.key == row["key"]))
            used -= await cache_rows.make_room(session, used + size - self._max_bytes)
            fits = used + size <= self._max_bytes
            if fits:
                times = {"expires_at": func.now() + self._ttl, "last_used_at": func.now()}
                await session.execute(insert(CachedAnswer).values(**row, **times))
            await cache_rows.set_size(session, used + size if fits else used)
        return fits

    async def evict(self, call: Call, sample: int = 0) -> int:
        """Forget this answer, which turned out to be of no use. Returns how many there were."""
        return await self._evict(CachedAnswer.key == cache_key(call, sample))

    async def evict_of(self, pipeline_id: UUID, phase: str) -> int:
        """Forget what this phase of the run was answered, asked or found here: a gate behind it failed."""
        paid = func.coalesce(PromptUsage.cached_from, PromptUsage.id)
        calls = select(paid).where(PromptUsage.pipeline_id == pipeline_id, PromptUsage.phase == phase)
        return await self._evict(CachedAnswer.usage_id.in_(calls))

    async def clear(self) -> int:
        """Forget everything. Returns how many answers there were."""
        done = 0
        some = select(CachedAnswer.key).limit(cache_rows.MOST)
        while gone := await self._evict(CachedAnswer.key.in_(some)):
            done += gone
        return done

    async def _evict(self, condition: ColumnElement[bool]) -> int:
        async with self._database.transaction() as session:
            used = await cache_rows.lock(session)
            gone = await cache_rows.remove(session, condition)
            await cache_rows.set_size(session, used - sum(gone))
        return len(gone)

    def _takes(self, call: Call) -> bool:
        return bool(self._ttl and self._max_bytes) and call.profile.backend not in NEVER_KEPT


def cache_key(call: Call, sample: int = 0) -> str:
    """SHA-256 in hexadecimal. The digest of the request has conversation, schema and parameters in it."""
    return digest({"request": request_digest(call), "mode": call.mode, "sample": sample})


def _read(answer: Any, usage_id: int) -> Cached | None:
    if not isinstance(answer, dict):
        return None
    try:
        return _STORED.validate_python({**answer, "usage_id": usage_id})
    except ValidationError:
        return None  # the next answer takes its place


def _miss(error: BaseException) -> None:
    """No call fails for want of the cache; the calls beside it say how the database is."""
    if is_cancelled():
        raise error
    log.warning("the response cache waits for the database: %s", first_line(error))
