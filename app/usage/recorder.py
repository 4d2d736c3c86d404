"""Writes the ledger: a row before the call, settled after it, each in a transaction with its budgets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import Insert, insert

from app.db import Database, patiently
from app.failpoints import failpoint
from app.tables import ModelAnswer, PromptUsage
from app.usage import ledger, reserving
from app.usage.budget import Allowance, Defaults
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
    project_id: int | None = None
    """Whose budget pays beside the run's and the day's; None: the project of the run."""
    cached_from: int | None = None
    """The call whose answer is given again."""


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


CACHED = "response cache"
"""The price version of an answer that is given again."""
COUNTS = {each.name: f"{each.name}_tokens" for each in fields(Tokens)}
"""Columns of the ledger by the class of tokens."""
PATIENCE_S = 60.0
"""An answer that was paid for is kept for so long while the database is away."""


class UsageRecorder:
    """The only writer of `pipeline_prompt_usage`."""

    def __init__(self, database: Database, defaults: Defaults | None = None) -> None:
        """`defaults` are the budgets that the settings give to every run and every day."""
        self._database = database
        self._defaults = defaults or Defaults()

    async def open(self, record: CallRecord, *, tokens: int, cost: Cost) -> int | None:
        """Reserve `tokens` and their cost. Returns the id of the ledger row.

        None: an earlier try of the phase has the answer by now, and nothing is to be paid.
        Raises `BudgetExceeded` when a budget does not allow it; then nothing is reserved anywhere.
        """
        if self._defaults.is_any and (usage_id := await self._open_at_once(record, tokens, cost)) is not None:
            return usage_id
        missing: set[str] = set()
        while True:
            try:
                return await self._open(record, tokens, cost)
            except _NoRow as absent:
                if absent.scopes == missing:  # made a moment ago, and gone again
                    raise
                missing = absent.scopes
                await reserving.provide(self._database, missing, record.pipeline_id)

    async def _open_at_once(self, record: CallRecord, tokens: int, cost: Cost) -> int | None:
        """None: the answer is stored, or a budget has a say."""
        values = {**asdict(record), **_reservation(tokens, cost)}
        async with self._database.connection() as connection:
            with failpoint("database.commit"):
                return await ledger.open_row(connection, values)

    async def _open(self, record: CallRecord, tokens: int, cost: Cost) -> int | None:
        names = reserving.names_of(record.pipeline_id, record.project_id)
        statement = _inserted(record, names, tokens, cost).returning(
            PromptUsage.id, PromptUsage.budgets, PromptUsage.reserved_usd, reserving.of_every()
        )
        async with self._database.transaction() as session:
            row = (await session.execute(statement)).one_or_none()
            if row is None:
                return None
            usage_id, counted, usd, every = row
            wanted = reserving.wanted(record.pipeline_id, every, self._defaults)
            if missing := wanted - {name.partition(":")[0] for name in counted}:
                raise _NoRow(missing)
            subject = {"backend": record.backend, "model": record.model}
            await reserving.reserve(session, counted, self._defaults, usd=usd, tokens=tokens, **subject)
        return int(usage_id)

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
        step = {name: getattr(record, name) for name in ledger.STEP}
        values = {**_columns(result), **step, "id": usage_id, "answer": answer}
        async with self._database.connection() as connection:
            with failpoint("database.commit"):
                if await ledger.settle_row(connection, values):
                    return
        await self._settle_within_budgets(usage_id, record, result, answer)

    async def _settle_within_budgets(
        self, usage_id: int, record: CallRecord, result: Settlement, answer: dict[str, Any] | None
    ) -> None:
        is_open = (PromptUsage.id == usage_id) & (PromptUsage.outcome == "open")
        async with self._database.transaction() as session:
            columns = {**_columns(result), "settled_at": func.clock_timestamp()}
            settled = update(PromptUsage).where(is_open).values(**columns)
            amounts = (PromptUsage.reserved_usd, PromptUsage.reserved_tokens, PromptUsage.cost_usd)
            row = (await session.execute(settled.returning(PromptUsage.budgets, *amounts))).one_or_none()
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
            if row is not None and result.tokens is not None:
                counted, usd, tokens, cost = row
                reserved = Allowance(usd, tokens)
                await reserving.settle(
                    session, counted, reserved=reserved, usd=cost, tokens=result.tokens.total
                )

    async def cached(self, record: CallRecord, cached_from: int, answer: dict[str, Any]) -> int:
        """A call that was answered from the cache: a row of its own that took nothing, and says who paid.

        The answer is kept for a resumed run too, which must not depend on what the cache still has.
        """
        nothing = dict.fromkeys((*COUNTS.values(), "reserved_tokens", "reserved_usd", "cost_usd"), 0)
        values = {**_fields(record), **nothing, "outcome": "ok", "price_version": CACHED}
        times = {name: func.clock_timestamp() for name in ("started_at", "settled_at")}
        call = insert(PromptUsage).values(**{**values, "cached_from": cached_from}, **times)
        async with self._database.transaction() as session:
            usage_id = (await session.execute(call.returning(PromptUsage.id))).scalar_one()
            if record.pipeline_id is not None:
                kept = {name: values[name] for name in ledger.STEP}
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
        async with self._database.connection() as connection:
            return await ledger.stored_answer(
                connection, {name: getattr(record, name) for name in ledger.STEP}
            )


def _stored(record: CallRecord) -> Select[dict[str, Any]]:
    return select(ModelAnswer.answer).where(
        ModelAnswer.pipeline_id == record.pipeline_id,
        ModelAnswer.phase == record.phase,
        ModelAnswer.item == record.item,
        ModelAnswer.round == record.round,
        ModelAnswer.step == record.step,
        ModelAnswer.request_digest == record.request_digest,
    )


def _inserted(record: CallRecord, budgets: ColumnElement[Any], tokens: int, cost: Cost) -> Insert:
    """The row of a call, unless its answer is stored: counted in the budgets that there are."""
    values = {
        **_fields(record),
        **_reservation(tokens, cost),
        "outcome": "open",
    }
    columns = [PromptUsage.__table__.c[name] for name in values]
    row = select(*(literal(values[column.name], column.type) for column in columns), budgets)
    names = [*values, "budgets"]
    return insert(PromptUsage).from_select(names, row.where(~_stored(record).exists()))


def _reservation(tokens: int, cost: Cost) -> dict[str, Any]:
    return {"reserved_tokens": tokens, "reserved_usd": cost.usd, "price_version": cost.price_version}


def _fields(record: CallRecord) -> dict[str, Any]:
    values = asdict(record)
    del values["project_id"]
    return values


def _columns(result: Settlement) -> dict[str, Any]:
    tokens = result.tokens
    return {
        "outcome": result.outcome,
        "error": result.error,
        "request_id": result.request_id,
        "weakened": list(result.weakened),
        "thinking_estimated": result.thinking_estimated,
        **{column: getattr(tokens, name) if tokens else None for name, column in COUNTS.items()},
        "cost_usd": result.cost.usd if tokens else None,
        "price_version": result.cost.price_version,
    }


class _NoRow(Exception):
    """Every run or day has a budget, and the one of this call has no row yet."""

    def __init__(self, scopes: set[str]) -> None:
        super().__init__(f"budgets without a row: {', '.join(sorted(scopes))}")
        self.scopes = scopes
