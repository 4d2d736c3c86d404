"""Asks a model: reserve, call under a total deadline, parse, validate, settle; re-ask with the errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from app.digests import writable
from app.errors import SchemaMismatch, unknown
from app.failpoints import failpoint
from app.limits.limits import CallLimits
from app.limits.slot import Slot
from app.llm.digest import request_digest
from app.llm.errors import BackendDown, DeadlineExceeded, InvalidAnswer, LLMDisabled, LLMError
from app.llm.parser import LLMResponseParser
from app.llm.request import NotAccepted, Patience, Reply, Request
from app.llm.types import JSON, Answer, Backend, BackendName, Call, Message, Profile, Schema
from app.settings import Settings
from app.usage.cost import Cost, cost_of
from app.usage.estimate import estimate_tokens
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens

MAX_RETRY_AFTER_S = 30.0
"""A server that asks for more patience than this gets no second request."""
LONG_CHARS = 100_000
"""Parsing more than this may take longer than the event loop can spare."""


@dataclass
class _Spent:
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: Decimal | None = Decimal(0)
    calls: int = 0

    def add(self, tokens: Tokens, cost: Cost) -> None:
        self.tokens = self.tokens + tokens
        self.calls += 1
        self.cost_usd = None if self.cost_usd is None or cost.usd is None else self.cost_usd + cost.usd


class LLMCaller:
    """The only place that calls a model."""

    def __init__(
        self,
        settings: Settings,
        backends: Mapping[BackendName, Backend],
        recorder: UsageRecorder,
        patience: Patience | None = None,
        *,
        limits: CallLimits | None = None,
    ) -> None:
        """With no limits given, nothing is limited: for backends that cost and load nothing."""
        self._settings = settings
        self._backends = backends
        self._recorder = recorder
        self._patience = patience or Patience()
        self._limits = limits
        self._parser = LLMResponseParser()

    async def ask(self, request: Request) -> Reply:
        """Ask until the answer is valid and accepted, at most `reasks` times again.

        Every attempt has its own ledger row. Raises `InvalidAnswer` when the last answer was no
        better, another `LLMError` when the backend failed, `LimitWaitExceeded` when the limits let
        no attempt start.
        """
        if self._settings.llm_disabled:
            raise LLMDisabled("model calls are switched off (WORKBENCH_LLM_DISABLED)")
        messages: tuple[Message, ...] = (Message("user", request.task),)
        spent = _Spent()
        errors: tuple[str, ...] = ()
        for step in range(request.reasks + 1):
            call = _call(request, messages, step)
            turn = await self._turn(request, call, spent)
            if not turn.errors:
                return Reply(turn.data, turn.answer.model, spent.tokens, spent.cost_usd, spent.calls)
            errors = turn.errors
            messages = (
                *messages,
                Message("assistant", turn.answer.text),
                Message("user", await request.repair(errors)),
            )
        raise InvalidAnswer(
            f"no valid {request.schema.name} after {request.reasks + 1} answers: {'; '.join(errors)[:500]}",
            errors=errors,
        )

    async def _turn(self, request: Request, call: Call, spent: _Spent) -> _Turn:
        """One answer, judged. Replays an answer that an earlier try of this phase already paid for."""
        record = _record(request, call)
        stored = await self._recorder.stored_answer(record)
        if stored is not None:
            answer = _restore(stored)
            data, errors = await self._judge(answer, request.schema)
            return await self._use(request, _Turn(answer, data, errors), None)
        answer, usage_id = await self._attempts(request, call, record, spent)
        data, errors = await self._judge(answer, request.schema)
        if usage_id is None:
            return await self._use(request, _Turn(answer, data, errors), None)
        cost = _cost(call.profile, answer.tokens)
        spent.add(answer.tokens, cost)
        await self._recorder.settle(
            usage_id,
            record,
            Settlement(
                outcome="invalid_answer" if errors else "ok",
                tokens=answer.tokens,
                cost=cost,
                error="; ".join(errors)[:2000] or None,
                request_id=answer.request_id,
            ),
            {"text": answer.text, "model": answer.model, "tokens": asdict(answer.tokens)},
        )
        return await self._use(request, _Turn(answer, data, errors), usage_id)

    async def _use(self, request: Request, turn: _Turn, usage_id: int | None) -> _Turn:
        """Hand a valid answer to whoever uses it; what can not be used is an error like any other."""
        if turn.errors or request.accept is None:
            return turn
        try:
            await request.accept(turn.data)
        except NotAccepted as refusal:
            if usage_id is not None:
                await self._recorder.refuse(usage_id, "not_accepted", str(refusal)[:2000])
            return replace(turn, errors=refusal.errors)
        return turn

    async def _attempts(
        self, request: Request, call: Call, record: CallRecord, spent: _Spent
    ) -> tuple[Answer, int | None]:
        """Try until the backend answers, within our patience. Each failure is in the ledger.

        No ledger row: while this one waited, an earlier try of the phase, thought dead, got the answer.
        """
        backend = self._backend(call.profile.backend)
        most = _most(call)
        for attempt in range(1, self._patience.attempts + 1):
            try:
                async with self._slot(request, most) as slot:  # before the ledger: what waits costs nothing
                    usage_id = await self._reserve(call.profile, most, record)
                    if usage_id is None:
                        return await self._replay(record), None
                    answer = await self._send(backend, call)
                    if slot is not None:
                        slot.used(answer.tokens.total_input + answer.tokens.output)
                return answer, usage_id
            except LLMError as error:
                # a lost reply may have been billed: its row stays open
                if usage_id is not None and not error.reply_lost:
                    tokens = error.tokens or Tokens()
                    cost = _cost(call.profile, tokens)
                    spent.add(tokens, cost)
                    await self._recorder.settle(
                        usage_id, record, Settlement(error.code, tokens, cost, writable(error.message)[:2000])
                    )
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

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

    def _slot(self, request: Request, most: Tokens) -> AbstractAsyncContextManager[Slot | None]:
        """The right to one attempt; the backend's deadline begins once it is granted."""
        if self._limits is None:
            return nullcontext()
        return self._limits.slot(
            backend=request.profile.backend,
            profile=request.profile.name,
            tokens=most.input + most.output,
            priority=request.priority,
            group=request.group,
        )

    async def _reserve(self, profile: Profile, most: Tokens, record: CallRecord) -> int | None:
        return await self._recorder.open(record, tokens=most.input + most.output, cost=_cost(profile, most))

    def _backend(self, name: BackendName) -> Backend:
        if name not in self._backends:
            raise unknown("LLM backend", name, self._backends)
        return self._backends[name]

    async def _send(self, backend: Backend, call: Call) -> Answer:
        profile = call.profile
        deadline = profile.timeout_s or (
            self._settings.api_timeout_s if profile.backend == "anthropic" else self._settings.local_timeout_s
        )
        try:
            async with asyncio.timeout(deadline):
                with failpoint("model.call"):
                    answer = await backend.answer(call)
                return replace(answer, text=writable(answer.text))
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"{profile.backend} gave no complete answer within {deadline:g} s "
                f"(profile {profile.name}); the reply may have been billed"
            ) from error

    async def _judge(self, answer: Answer, schema: Schema) -> tuple[JSON, tuple[str, ...]]:
        """The validated document, or one line per fault. A long text leaves the event loop."""
        if len(answer.text) > LONG_CHARS:
            return await asyncio.to_thread(self._check, answer.text, schema)
        return self._check(answer.text, schema)

    def _check(self, text: str, schema: Schema) -> tuple[JSON, tuple[str, ...]]:
        try:
            return schema.validate(self._parser.parse(text).data), ()
        except InvalidAnswer as invalid:
            return None, invalid.errors or (invalid.message,)
        except SchemaMismatch as mismatch:
            return None, tuple(mismatch.errors)


@dataclass(frozen=True)
class _Turn:
    answer: Answer
    data: JSON
    errors: tuple[str, ...]


def _call(request: Request, messages: tuple[Message, ...], step: int) -> Call:
    return Call(
        profile=request.profile,
        system=request.system,
        messages=messages,
        schema_name=request.schema.name,
        schema=request.schema.json_schema(),
        key=replace(request.key, step=step),
    )


def _most(call: Call) -> Tokens:
    """What the call may take at most, as estimated."""
    texts = (call.system, json.dumps(call.schema), *(message.content for message in call.messages))
    return Tokens(input=sum(estimate_tokens(text) for text in texts), output=call.profile.max_output_tokens)


def _record(request: Request, call: Call) -> CallRecord:
    return CallRecord(
        phase=call.key.phase,
        item=call.key.item,
        round=call.key.round,
        step=call.key.step,
        backend=call.profile.backend,
        profile=call.profile.name,
        model=call.profile.model,
        role=request.role,
        prompt_digest=request.prompt_digest,
        prompt_version=request.prompt_version,
        request_digest=request_digest(call),
        pipeline_id=request.pipeline_id,
        phase_run_id=request.phase_run_id,
    )


def _restore(stored: Mapping[str, JSON]) -> Answer:
    return Answer(text=stored["text"], model=stored["model"], tokens=Tokens(**stored["tokens"]))


def _cost(profile: Profile, tokens: Tokens) -> Cost:
    if tokens == Tokens():
        return Cost(Decimal(0), "nothing billed")
    return cost_of(
        tokens,
        backend=profile.backend,
        model=profile.model,
        prices=profile.price_usd_per_mtok,
        at=datetime.now(UTC),
    )
