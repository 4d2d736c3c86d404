"""Writes the ledger: a row before the call, settled after it, each in its own transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db import Database, patiently
from app.tables import ModelAnswer, PromptUsage
from app.usage.cost import Cost
from app.usage.tokens import Tokens


@dataclass(frozen=True)
class CallRecord:
    """What is known about a call before it is made."""

    phase: str
    item: str
    round: int
    step: int
    backend: str
    profile: str
    model: str
    role: str
    prompt_digest: str
    prompt_version: int | None
    request_digest: str
    pipeline_id: UUID | None = None
    phase_run_id: int | None = None
    route: str | None = None
    cascade_step: int = 0
    reason: str | None = None
    """Why this profile was asked in place of the one before."""
    mode: str | None = None


@dataclass(frozen=True)
class Settlement:
    """What a call turned out to be. Tokens None: the reply never came, the row keeps its reservation."""

    outcome: str
    tokens: Tokens | None
    cost: Cost
    error: str | None = None
    request_id: str | None = None
    weakened: tuple[str, ...] = ()
    """What the schema lost on its way to the server."""
    thinking_estimated: bool = False


_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "thinking_tokens")
PATIENCE_S = 60.0
"""An answer that was paid for is kept for so long while the database is away."""


class UsageRecorder:
    """The only writer of `pipeline_prompt_usage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, record: CallRecord, *, tokens: int, cost: Cost) -> int | None:
        """Reserve `tokens` and their cost. Returns the id of the ledger row.

        None: an earlier try of the phase has the answer by now, and nothing is to be paid.
        """
        values = {
            **asdict(record),
            "reserved_tokens": tokens,
            "reserved_usd": cost.usd,
            "price_version": cost.price_version,
            "outcome": "open",
        }
        columns = [PromptUsage.__table__.c[name] for name in values]
        row = select(*(literal(values[column.name], column.type) for column in columns))
        statement = insert(PromptUsage).from_select(columns, row.where(~_stored(record).exists()))
        async with self._database.transaction() as session:
            return (await session.execute(statement.returning(PromptUsage.id))).scalar_one_or_none()

    async def settle(
        self, usage_id: int, record: CallRecord, result: Settlement, answer: dict[str, Any] | None = None
    ) -> None:
        """Write the result down, and keep `answer` so that a resumed run does not pay for it again.

        Once for each row: its amounts never change afterwards, and sums are made of them.
        """
        await patiently(
            lambda: self._settle(usage_id, record, result, answer), PATIENCE_S, "a model's answer"
        )

    async def _settle(
        self, usage_id: int, record: CallRecord, result: Settlement, answer: dict[str, Any] | None
    ) -> None:
        is_open = (PromptUsage.id == usage_id) & (PromptUsage.outcome == "open")
        async with self._database.transaction() as session:
            await session.execute(update(PromptUsage).where(is_open).values(**_columns(result)))
            if answer is not None and record.pipeline_id is not None:
                await session.execute(
                    insert(ModelAnswer)
                    .values(
                        usage_id=usage_id,
                        pipeline_id=record.pipeline_id,
                        phase=record.phase,
                        item=record.item,
                        round=record.round,
                        step=record.step,
                        request_digest=record.request_digest,
                        answer=answer,
                    )
                    .on_conflict_do_nothing()
                )

    async def cached(self, record: CallRecord, cached_from: int, answer: dict[str, Any]) -> int:
        """A call that was answered from the cache: a row of its own that took nothing, and says who paid.

        The answer is kept for a resumed run too, which must not depend on what the cache still has.
        """
        free = {name: 0 for name in ("reserved_tokens", "reserved_usd", "cost_usd", *_TOKENS)}
        values = {**asdict(record), **free, "outcome": "ok", "price_version": "cached"}
        call = insert(PromptUsage).values(
            **values, cached_from=cached_from, settled_at=func.clock_timestamp()
        )
        step = ("pipeline_id", "phase", "item", "round", "step", "request_digest")
        async with self._database.transaction() as session:
            usage_id = (await session.execute(call.returning(PromptUsage.id))).scalar_one()
            if record.pipeline_id is not None:
                kept = {name: values[name] for name in step}
                await session.execute(
                    insert(ModelAnswer)
                    .values(usage_id=usage_id, answer=answer, **kept)
                    .on_conflict_do_nothing()
                )
        return usage_id

    async def refuse(self, usage_id: int, outcome: str, error: str) -> None:
        """Mark an answer that was valid JSON but could not be used."""
        async with self._database.transaction() as session:
            await session.execute(
                update(PromptUsage).where(PromptUsage.id == usage_id).values(outcome=outcome, error=error)
            )

    async def stored_answer(self, record: CallRecord) -> dict[str, Any] | None:
        """The answer an earlier try of this phase got to the same request."""
        if record.pipeline_id is None:
            return None
        async with self._database.transaction() as session:
            answer: dict[str, Any] | None = (await session.execute(_stored(record))).scalar_one_or_none()
        return answer


def _stored(record: CallRecord) -> Select[dict[str, Any]]:
    return select(ModelAnswer.answer).where(
        ModelAnswer.pipeline_id == record.pipeline_id,
        ModelAnswer.phase == record.phase,
        ModelAnswer.item == record.item,
        ModelAnswer.round == record.round,
        ModelAnswer.step == record.step,
        ModelAnswer.request_digest == record.request_digest,
    )


def _columns(result: Settlement) -> dict[str, Any]:
    tokens = result.tokens
    cost: Decimal | None = result.cost.usd
    return {
        "outcome": result.outcome,
        "error": result.error,
        "request_id": result.request_id,
        "weakened": list(result.weakened),
        "thinking_estimated": result.thinking_estimated,
        "input_tokens": tokens.input if tokens else None,
        "cache_read_tokens": tokens.cache_read if tokens else None,
        "cache_write_tokens": tokens.cache_write if tokens else None,
        "output_tokens": tokens.output if tokens else None,
        "thinking_tokens": tokens.thinking if tokens else None,
        "cost_usd": cost if tokens else None,
        "price_version": result.cost.price_version,
        "settled_at": func.clock_timestamp(),
    }
