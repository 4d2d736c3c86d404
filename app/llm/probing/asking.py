"""One call of a probe: within the limits, under a deadline, in the ledger, judged as it came."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal

from app.digests import digest, writable
from app.limits.limits import CallLimits
from app.limits.slot import Slot
from app.llm.digest import request_digest
from app.llm.errors import (
    BackendDown,
    DeadlineExceeded,
    InvalidAnswer,
    LLMError,
    Refused,
    RequestRefused,
    Truncated,
)
from app.llm.probing.case import Case, Verdict, judge
from app.llm.probing.figures import Asked
from app.llm.sending import send
from app.llm.spending import at_most, price, price_at_most
from app.llm.survey import require_alive
from app.llm.types import Answer, Backend, Call, CallKey, Message, Mode, Profile
from app.settings import Settings
from app.tables import Priority
from app.usage.cost import Cost
from app.usage.prices import Prices
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens

ROLE = "probe"
MOST_OUTPUT = 1_024
"""Tokens of an answer; a good one takes about a hundred."""
MOST_OUTPUT_THINKING = 4_096
_ANSWERED = (Truncated, Refused, InvalidAnswer)
"""The model wrote something, and it is of no use."""
_OF_THE_MODE = (RequestRefused, DeadlineExceeded, BackendDown)
"""Another question in the same mode would end the same way; another mode may not."""


class Asker:
    """Asks one backend, one question after the other, and adds up what it costs."""

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        recorder: UsageRecorder,
        prices: Prices,
        limits: CallLimits | None,
    ) -> None:
        self.cost_usd: Decimal | None = Decimal(0)
        """None: a price is not known."""
        self._settings = settings
        self._backend = backend
        self._recorder = recorder
        self._prices = prices
        self._limits = limits

    async def ask(self, call: Call, case: Case) -> Asked:
        """Raises the `LLMError` that would end every other question too: no such model, no server, no key."""
        record, most = _record(call), at_most(call)
        reserved = price_at_most(self._prices, call.profile, most)
        async with self._slot(call.profile, most):
            usage_id = await self._recorder.open(record, tokens=most.input + most.output, cost=reserved)
            assert usage_id is not None  # noqa: S101 - only a call of a run finds its answer stored
            started = time.monotonic()
            try:
                answer = await send(self._settings, self._backend, call)
                took = time.monotonic() - started
            except LLMError as error:
                took = time.monotonic() - started
                if error.reply_lost:  # it may have been billed: its row stays open at what was reserved
                    self._spend(reserved)
                else:
                    await self._settle(usage_id, record, self._failure(error, call.profile))
                return await self._failed(error, took)
        verdict = judge(case, answer.text)
        await self._settle(usage_id, record, self._success(answer, call.profile, verdict))
        return Asked(took, answer.tokens, verdict)

    async def _failed(self, error: LLMError, took: float) -> Asked:
        if isinstance(error, _ANSWERED):
            return Asked(took, error.tokens or Tokens(), Verdict(), error.message)
        if not isinstance(error, _OF_THE_MODE):
            raise error
        if not isinstance(error, RequestRefused):
            await require_alive(self._backend)  # then it broke at the question alone
        return Asked(took, None, Verdict(), writable(error.message)[:500], ends_mode=True)

    async def _settle(self, usage_id: int, record: CallRecord, result: Settlement) -> None:
        self._spend(result.cost)
        await self._recorder.settle(usage_id, record, result)

    def _spend(self, cost: Cost) -> None:
        self.cost_usd = None if self.cost_usd is None or cost.usd is None else self.cost_usd + cost.usd

    def _slot(self, profile: Profile, most: Tokens) -> AbstractAsyncContextManager[Slot | None]:
        if self._limits is None:
            return nullcontext()
        return self._limits.slot(
            backend=profile.backend,
            profile=profile.name,
            tokens=most.input + most.output,
            priority=Priority.INTERACTIVE,
            group=None,
        )

    def _failure(self, error: LLMError, profile: Profile) -> Settlement:
        spent = error.tokens or Tokens()
        cost = price(self._prices, profile, spent)
        return Settlement(error.code, spent, cost, writable(error.message)[:2000])

    def _success(self, answer: Answer, profile: Profile, verdict: Verdict) -> Settlement:
        return Settlement(
            outcome="ok" if verdict.compliant else InvalidAnswer.code,
            tokens=answer.tokens,
            cost=price(self._prices, profile, answer.tokens),
            request_id=answer.request_id,
            weakened=answer.weakened,
            thinking_estimated=answer.thinking_estimated,
        )


def call_of(profile: Profile, case: Case, mode: Mode, *, thinks: bool) -> Call:
    """The profile as it is, but for thinking and the length of an answer."""
    most = MOST_OUTPUT_THINKING if thinks else MOST_OUTPUT
    think = (profile.think if profile.think != "off" else "on") if thinks else "off"
    return Call(
        profile=replace(profile, think=think, max_output_tokens=min(most, profile.max_output_tokens)),
        system=case.system,
        messages=(Message("user", case.task),),
        schema_name=case.schema.name,
        schema=case.schema.json_schema(),
        mode=mode,
        key=CallKey(phase=ROLE, item=case.name),
    )


def _record(call: Call) -> CallRecord:
    profile = call.profile
    return CallRecord(
        phase=ROLE,
        item=call.key.item,
        round=call.key.round,
        step=0,
        backend=profile.backend,
        profile=profile.name,
        model=profile.model,
        role=ROLE,
        prompt_digest=digest([call.system, call.messages[0].content]),
        prompt_version=None,
        request_digest=request_digest(call),
        mode=call.mode,
    )
