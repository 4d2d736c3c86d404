"""One task on one profile: asked, judged, asked again with the errors, in the best form its server takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.errors import SchemaMismatch
from app.llm.attempts import Attempts, Received
from app.llm.cache import ResponseCache
from app.llm.cascade import Turn
from app.llm.channels import channel
from app.llm.errors import ContextOverflow, InvalidAnswer, Refused, SchemaRefused, Truncated
from app.llm.parser import LLMResponseParser
from app.llm.refusal import is_refusal, rephrased
from app.llm.request import Blocks, NotAccepted, Request
from app.llm.spending import Spent, at_most, record
from app.llm.types import JSON, Answer, Call, Message, Mode, Profile, Schema
from app.usage.recorder import CallRecord, UsageRecorder
from app.usage.tokens import Tokens

LONG_CHARS = 100_000
"""Parsing more than this may take longer than the event loop can spare."""
_PARSER = LLMResponseParser()


@dataclass(frozen=True)
class Judged:
    """An answer and what is wrong with it; no errors: it was used."""

    received: Received
    data: JSON
    errors: tuple[str, ...]


@dataclass
class Conversation:
    """Goes on until the answer is valid and accepted, or the turns are used up."""

    request: Request
    turn: Turn
    modes: Sequence[Mode]
    """Forms to ask in, the strongest first; the next is for a server that refuses the one before."""
    attempts: Attempts
    recorder: UsageRecorder
    cache: ResponseCache | None
    spent: Spent
    _profile: Profile = field(init=False)
    _messages: tuple[Message, ...] = field(init=False)
    _mode: int = field(init=False, default=0)
    _rephrased: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._profile = self.turn.profile
        self._messages = (Message("user", self.request.task),)
        if self._blocks is not None:
            self.modes = ("prompt",)  # no server can be held to this form

    @property
    def _blocks(self) -> Blocks | None:
        return self.request.blocks if self._profile.code_channel == "blocks" else None

    async def outcome(self) -> Judged:
        """The answer that was used. Raises `InvalidAnswer` when the last was no better, or an `LLMError`."""
        turns = min(self.request.reasks + 1, self._profile.max_turns)
        errors: tuple[str, ...] = ()
        for step in range(turns):
            judged = await self._answer(step)
            if not judged.errors:
                return judged
            errors = judged.errors
            self._messages = (
                *self._messages,
                Message("assistant", judged.received.answer.text),
                Message("user", await self.request.repair(errors)),
            )
        name = self.request.schema.name
        raise InvalidAnswer(
            f"no valid {name} after {turns} answers: {'; '.join(errors)[:500]}", errors=errors
        )

    async def _answer(self, step: int) -> Judged:
        """One answer that is complete, whatever it says."""
        while True:
            call = self._call(step)
            check_fits(call)
            try:
                judged = await self._judged(call)
            except SchemaRefused:
                if self._mode + 1 == len(self.modes):
                    raise
                self._mode += 1
            except Truncated:
                longer = longer_limit(call)
                if longer is None or self._profile.max_output_tokens > self.turn.profile.max_output_tokens:
                    raise
                self._profile = replace(self._profile, max_output_tokens=longer)
            except Refused:
                if not self._rephrase():
                    raise
            else:
                if not (judged.errors and is_refusal(judged.received.answer.text) and self._rephrase()):
                    return judged

    def _call(self, step: int) -> Call:
        mode = self.modes[self._mode]
        return Call(
            profile=self._profile,
            system=self._system(mode),
            messages=self._messages,
            schema_name=self.request.schema.name,
            schema=self.request.schema.json_schema(),
            mode=mode,
            key=replace(self.request.key, step=step),
        )

    def _system(self, mode: Mode) -> str:
        if self._blocks is not None:
            return self._blocks.system
        in_words = self.request.system_in_words if mode == "prompt" else None
        return in_words or self.request.system

    def _rephrase(self) -> bool:
        """Put the task as an order, once and only to a local model; False: that was tried."""
        if self._rephrased or self._profile.is_paid:
            return False
        self._rephrased = True
        order = Message("user", rephrased(self.request.task, self.request.deliverable))
        self._messages = (order, *self._messages[1:])
        return True

    async def _judged(self, call: Call) -> Judged:
        """From an earlier try of the phase, from the cache, or from the backend, in this order."""
        ledger = record(self.request, call, self.turn.number, self.turn.reason)
        received = await self.attempts.stored(ledger) if self.request.may_be_stored else None
        if received is None and (cached := await self._cached(call, ledger)) is not None:
            return cached
        if received is None:
            received = await self.attempts.get(self.request, call, ledger, self.spent)
        judged = await self._judge(received)
        await self.attempts.settle(received, call, ledger, self.spent, judged.errors)
        used = await self._use(judged)
        await self._keep(call, used)
        return used

    async def _judge(self, received: Received) -> Judged:
        text, schema, blocks = received.answer.text, self.request.schema, self._blocks
        if len(text) > LONG_CHARS:  # it leaves the event loop
            data, errors = await asyncio.to_thread(judge, text, schema, blocks)
        else:
            data, errors = judge(text, schema, blocks)
        return Judged(received, data, errors)

    async def _cached(self, call: Call, ledger: CallRecord) -> Judged | None:
        """What was answered to the very same question, if it is still of use; it has a row of its own."""
        if self.cache is None or not self.request.cache or (hit := await self.cache.get(call)) is None:
            return None
        judged = await self._use(await self._judge(Received(Answer(hit.text, Tokens(), hit.model), None)))
        if judged.errors:
            await self.cache.evict(call)
            return None
        # only now: what can not be used must not be what a resumed run is answered
        await self.recorder.cached(ledger, hit.usage_id, hit.as_json())
        return judged

    async def _keep(self, call: Call, judged: Judged) -> None:
        if self.cache is None or not self.request.cache or judged.errors:
            return
        if judged.received.usage_id is not None:
            await self.cache.put(call, judged.received.answer, judged.received.usage_id)

    async def _use(self, judged: Judged) -> Judged:
        """Hand a valid answer to whoever uses it; what can not be used is an error like any other."""
        if judged.errors or self.request.accept is None:
            return judged
        try:
            await self.request.accept(judged.data)
        except NotAccepted as refusal:
            if judged.received.usage_id is not None:
                await self.recorder.refuse(judged.received.usage_id, "not_accepted", str(refusal)[:2000])
            return replace(judged, errors=refusal.errors)
        return judged


def check_fits(call: Call) -> None:
    """Raises `ContextOverflow` for a prompt that leaves no room for the answer; nothing is sent then."""
    profile = call.profile
    room = profile.context_tokens - profile.max_output_tokens
    wanted = at_most(call).input
    if wanted > max(room, 0):
        raise ContextOverflow(
            f"the prompt has about {wanted:,} tokens; the profile {profile.name!r} has room for {room:,} "
            f"({profile.context_tokens:,} of context less {profile.max_output_tokens:,} for the answer)"
        )


def longer_limit(call: Call) -> int | None:
    """Twice the tokens for the answer, as far as the context leaves room; None: it leaves none."""
    profile = call.profile
    longer = min(2 * profile.max_output_tokens, profile.context_tokens - at_most(call).input)
    return longer if longer > profile.max_output_tokens else None


def judge(text: str, schema: Schema, blocks: Blocks | None = None) -> tuple[JSON, tuple[str, ...]]:
    """The validated document, or one line per fault."""
    try:
        return schema.validate(_document(text, schema, blocks)), ()
    except InvalidAnswer as invalid:
        return None, invalid.errors or (invalid.message,)
    except SchemaMismatch as mismatch:
        return None, tuple(mismatch.errors)


def _document(text: str, schema: Schema, blocks: Blocks | None) -> JSON:
    if blocks is None:
        return _PARSER.parse(text).data
    return channel("blocks").read(text, schema.json_schema())
