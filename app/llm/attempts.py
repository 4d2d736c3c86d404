"""One question to one backend: within the limits, reserved before, settled after, tried again at need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass, field

from app.digests import writable
from app.errors import unknown
from app.limits.limits import CallLimits
from app.limits.slot import Slot
from app.llm.errors import BackendDown, InvalidAnswer, LLMError
from app.llm.health import CircuitOpen, Circuits
from app.llm.request import Patience, Request
from app.llm.sending import send
from app.llm.spending import Spent, at_most, price, price_at_most
from app.llm.types import JSON, Answer, Backend, BackendName, Call
from app.settings import Settings
from app.usage.prices import PriceBook, Prices
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens

MAX_RETRY_AFTER_S = 30.0
"""A server that asks for more patience than this gets no second request."""


@dataclass(frozen=True)
class Received:
    """An answer, and the row of the ledger that is still open for it."""

    answer: Answer
    usage_id: int | None
    """None: it was paid before, by an earlier try of the phase."""
    prices: Prices = field(default_factory=Prices)
    """Of the moment in which the call began: what it costs is known without asking the database again."""


class Attempts:
    """Sends calls to the backends. Each failure has a row of its own in the ledger."""

    def __init__(
        self,
        settings: Settings,
        backends: Mapping[BackendName, Backend],
        recorder: UsageRecorder,
        patience: Patience,
        limits: CallLimits | None,
        circuits: Circuits | None,
        book: PriceBook | None,
    ) -> None:
        self._settings = settings
        self._backends = backends
        self._recorder = recorder
        self._patience = patience
        self._limits = limits
        self._circuits = circuits
        self._book = book

    async def prices(self) -> Prices:
        """What models cost now."""
        return Prices() if self._book is None else await self._book.current()

    async def stored(self, record: CallRecord) -> Received | None:
        """What an earlier try of the phase was answered and paid for."""
        stored = await self._recorder.stored_answer(record)
        return None if stored is None else Received(_restore(stored), None)

    async def get(self, request: Request, call: Call, record: CallRecord, spent: Spent) -> Received:
        """Try until the backend answers, within our patience. Raises the last `LLMError`."""
        backend = self._backend(call.profile.backend)
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return await self._once(backend, request, call, record, spent)
            except LLMError as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def settle(
        self, received: Received, call: Call, record: CallRecord, spent: Spent, errors: tuple[str, ...]
    ) -> None:
        """Write down what the answer took, and keep it, so that a resumed run does not pay for it again."""
        answer = received.answer
        if received.usage_id is None:
            return
        cost = price(received.prices, call.profile, answer.tokens)
        spent.add(answer.tokens, cost)
        settlement = Settlement(
            outcome="invalid_answer" if errors else "ok",
            tokens=answer.tokens,
            cost=cost,
            error="; ".join(errors)[:2000] or None,
            request_id=answer.request_id,
            weakened=answer.weakened,
            thinking_estimated=answer.thinking_estimated,
        )
        kept = {"text": answer.text, "model": answer.model, "tokens": asdict(answer.tokens)}
        await self._recorder.settle(received.usage_id, record, settlement, kept)

    async def _once(
        self, backend: Backend, request: Request, call: Call, record: CallRecord, spent: Spent
    ) -> Received:
        most = at_most(call)
        if self._circuits is not None:  # who is left alone is waited for by nobody
            self._circuits.check(call.profile.backend)
        async with self._slot(request, call, most) as slot:  # before the ledger: what waits costs nothing
            self._guard(call, slot)
            prices = await self.prices()
            usage_id = await self._recorder.open(
                record, tokens=most.total, cost=price_at_most(prices, call.profile, most)
            )
            if usage_id is None:  # while this one waited, an earlier try, thought dead, got the answer
                return Received(await self._replay(record), None)
            try:
                answer = await self._send(backend, call)
            except LLMError as error:
                self._note(call, error)
                await self._settle_failure(error, usage_id, prices, call, record, spent)
                raise
            self._note(call, None)
            if slot is not None:
                slot.used(answer.tokens.total_input + answer.tokens.output)
        return Received(answer, usage_id, prices)

    def _guard(self, call: Call, slot: Slot | None) -> None:
        """Raises `CircuitOpen` when the server failed while this call waited for its turn."""
        if self._circuits is None:
            return
        try:
            self._circuits.guard(call.profile.backend)
        except CircuitOpen:
            if slot is not None:
                slot.used(0)
            raise

    def _note(self, call: Call, error: LLMError | None) -> None:
        """Tell the circuit breaker how the server did."""
        if self._circuits is None:
            return
        if error is None:
            self._circuits.succeeded(call.profile.backend)
        else:
            self._circuits.failed(call.profile.backend, error)

    async def _settle_failure(
        self,
        error: LLMError,
        usage_id: int,
        prices: Prices,
        call: Call,
        record: CallRecord,
        spent: Spent,
    ) -> None:
        if error.reply_lost:  # it may have been billed: its row stays open
            return
        tokens = error.tokens or Tokens()
        cost = price(prices, call.profile, tokens)
        spent.add(tokens, cost)
        await self._recorder.settle(
            usage_id, record, Settlement(error.code, tokens, cost, writable(error.message)[:2000])
        )

    async def _replay(self, record: CallRecord) -> Answer:
        stored = await self._recorder.stored_answer(record)
        if stored is None:  # pruned in this moment: the run has ended long ago
            raise BackendDown("the answer that an earlier try got is gone")
        return _restore(stored)

    def _pause(self, error: LLMError, attempt: int) -> float | None:
        """Seconds before the next attempt; None: give up."""
        worth_it = error.retryable or isinstance(error, InvalidAnswer)  # a server that lost its own grammar
        if not worth_it or attempt == self._patience.attempts:
            return None
        asked = error.retry_after_s
        if asked is not None and asked > MAX_RETRY_AFTER_S:
            return None
        return float(max(asked or 0.0, self._patience.backoff_s * 2 ** (attempt - 1)))

    def _slot(self, request: Request, call: Call, most: Tokens) -> AbstractAsyncContextManager[Slot | None]:
        """The right to one attempt; the backend's deadline begins once it is granted."""
        if self._limits is None:
            return nullcontext()
        return self._limits.slot(
            backend=call.profile.backend,
            profile=call.profile.name,
            tokens=most.input + most.output,
            priority=request.priority,
            group=request.group,
        )

    def _backend(self, name: BackendName) -> Backend:
        if name not in self._backends:
            raise unknown("LLM backend", name, self._backends)
        return self._backends[name]

    async def _send(self, backend: Backend, call: Call) -> Answer:
        answer = await send(self._settings, backend, call)
        if writable(answer.text) != answer.text:
            what = "a NUL or a lone surrogate is not valid text"
            raise InvalidAnswer(f"the answer can not be used: {what}", errors=(what,), tokens=answer.tokens)
        return answer


def _restore(stored: Mapping[str, JSON]) -> Answer:
    return Answer(text=stored["text"], model=stored["model"], tokens=Tokens(**stored["tokens"]))
