"""Asks one small coding task in every channel for code, so that figures choose the channel of a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

from app.db import Database
from app.errors import Invalid
from app.llm.caller import LLMCaller
from app.llm.channels import CHANNELS
from app.llm.channels.channel import Channel
from app.llm.channels.comparison import Asked, Comparison, compare
from app.llm.errors import LLMError
from app.llm.request import Request
from app.llm.spending import at_most, price_at_most
from app.llm.types import JSON, Call, CallKey, CodeChannel, Message, Profile
from app.pipelines.code import CODE_SCHEMA
from app.pipelines.comparing_sample import EPIC, FILES
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.definition import Definition
from app.pipelines.edited import Shown, whole_files
from app.pipelines.phases.request import Forms, repair_of
from app.pipelines.snapshot import Snapshot
from app.rendering.renderer import Renderer
from app.usage.prices import PriceBook, Prices
from app.usage.tokens import Tokens

NAME = "compare"
"""The definition and the phase that the ledger knows such a question by."""
ROLE = "developer"
MAX_ROUNDS = 100
REPAIR_TOKENS = 2_000
"""What the model is told of its faults takes no more than this, as estimated."""


@dataclass(frozen=True)
class Prepared:
    """The task in every channel, ready to be asked."""

    profile: Profile
    rounds: int
    requests: Mapping[str, Request]
    """By the name of the channel."""
    is_paid: bool
    most_usd: Decimal | None
    """If every answer is as long as it may be, and wrong but the last; None: a price is unknown."""


@dataclass(frozen=True)
class Step:
    """The question that is about to be asked."""

    number: int
    """Counted from 0, as is the round."""
    of: int
    channel: str
    round: int


@dataclass(frozen=True)
class Compared:
    comparison: Comparison
    why: Mapping[str, str]
    """Code of a failure → the last message that came with it."""


Watch = Callable[[Step], None]


class Comparer:
    """Asks as the developer of a run is asked: same prompt, re-asks, limits and budgets; no run, no cache."""

    def __init__(
        self,
        database: Database,
        loader: ConfigurationLoader,
        caller: LLMCaller,
        renderer: Renderer,
        book: PriceBook,
    ) -> None:
        self._database = database
        self._loader = loader
        self._caller = caller
        self._renderer = renderer
        self._book = book

    async def prepare(self, profile: str, rounds: int, epic: str | None = None) -> Prepared:
        """Sends nothing. Raises `NotFound`, or `Invalid` when the prompt knows of one channel only."""
        if epic is not None and not epic.strip():
            raise Invalid("the epic is empty", place="epic")
        if not 1 <= rounds <= MAX_ROUNDS:
            raise Invalid(f"{rounds} rounds; there can be 1 to {MAX_ROUNDS}", place="rounds")
        async with self._database.transaction() as session:
            snapshot = await self._loader.pin(session, _definition(), profile)
        request = await self._request(snapshot, epic or EPIC)
        requests = {name: _in(request, name) for name in get_args(CodeChannel)}
        prices, asked = await self._book.current(), request.profile
        return Prepared(
            profile=asked,
            rounds=rounds,
            requests=requests,
            is_paid=not prices.is_free(
                asked.backend, asked.model, asked.price_usd_per_mtok, datetime.now(UTC)
            ),
            most_usd=_most(requests, rounds, prices),
        )

    async def compare(self, prepared: Prepared, watch: Watch = lambda _: None) -> Compared:
        """One row of the ledger for each attempt. Raises `LLMDisabled`, `MissingKey`, `BudgetExceeded`."""
        why: dict[str, str] = {}
        number = 0

        async def ask(channel: Channel, round_: int) -> Asked:
            nonlocal number
            watch(Step(number, prepared.rounds * len(CHANNELS), channel.name, round_))
            number += 1
            try:
                return await self._ask(prepared.requests[channel.name], round_)
            except LLMError as error:
                why[error.code] = error.message
                raise

        return Compared(await compare(ask, prepared.rounds), why)

    async def _ask(self, request: Request, round_: int) -> Asked:
        reasks = 0

        async def repair(errors: JSON) -> str:
            nonlocal reasks
            reasks += 1
            return await request.repair(errors)

        key = replace(request.key, round=round_)
        reply = await self._caller.ask(replace(request, key=key, repair=repair))
        return Asked(reasks, reply.tokens.output)

    async def _request(self, snapshot: Snapshot, epic: str) -> Request:
        spec = snapshot.phases[0]
        if spec.prompt is None or spec.output is None or spec.profile is None:
            raise Invalid("the task has no prompt, schema or profile", place="role")
        prompt, forms = spec.prompt, Forms(self._renderer, spec.prompt, spec.output.contract())
        blocks = await forms.blocks()
        if blocks is None:
            raise Invalid(
                f"the prompt of the role {ROLE} does not use `blocks`, so every profile writes files in JSON "
                "and there is nothing to compare",
                place="role",
                hint="declare the variable `blocks` in the prompt, and use it, as the shipped one does",
            )
        known = _values(epic)
        values = {name: known[name] for name in prompt.variables if name in known}
        return Request(
            profile=spec.profile.profile(),
            role=prompt.role,
            system=await forms.system(),
            system_in_words=await forms.in_words(),
            blocks=blocks,
            task=await self._renderer.render(prompt.task, values, name=f"{ROLE}.task"),
            schema=forms.schema,
            key=CallKey(epic=epic, definition=NAME, phase=NAME),
            prompt_digest=prompt.digest,
            prompt_version=prompt.version,
            accept=_accept,
            repair=repair_of(self._renderer, snapshot.repair, forms.schema.name),
            deliverable="code",
        )


async def _accept(answer: JSON) -> None:
    """Edits have to fit the sample's files, whatever the channel."""
    whole_files(answer, Shown(FILES), None, None)


def _definition() -> Definition:
    """One phase, so that it is pinned as a run's would be."""
    phase = {"name": NAME, "kind": "llm", "role": ROLE, "schema": CODE_SCHEMA, "route": NAME}
    return Definition.model_validate({"name": NAME, "description": "One coding task", "phases": [phase]})


def _values(epic: str) -> dict[str, JSON]:
    """What a prompt of the developer may use, for a repository of the sample's files."""
    files = [{"path": path, "content": content} for path, content in FILES.items()]
    return {
        "epic_description": epic,
        "previous_artifacts": {},
        "baseline_code": {
            "files": files,
            "map": list(FILES),
            "map_total": len(files),
            "left_out": [],
            "left_out_total": 0,
            "symbols": [],
            "symbols_shown": 0,
            "symbols_total": 0,
            "parts": [],
        },
        "test_results": None,
        "issues": [],
        "round": 0,
        "item": "",
    }


def _in(request: Request, channel: CodeChannel) -> Request:
    """The same task for a profile of that channel."""
    profile = replace(request.profile, code_channel=channel)
    return replace(request, profile=profile, key=replace(request.key, item=channel))


def _most(requests: Mapping[str, Request], rounds: int, prices: Prices) -> Decimal | None:
    """US dollars of all questions at most, as estimated. A reply that got lost is not in it."""
    total = Decimal(0)
    for request in requests.values():
        for tokens in _longest(request):
            cost = price_at_most(prices, request.profile, tokens).usd
            if cost is None:
                return None
            total += rounds * cost
    return total


def _longest(request: Request) -> list[Tokens]:
    """The calls of one question: an answer that is cut off, then twice as long ones, each asked again."""
    profile = request.profile
    longer = min(2 * profile.max_output_tokens, profile.context_tokens)
    prompt = at_most(_call(request)).input
    calls = [Tokens(input=prompt, output=profile.max_output_tokens)]
    for step in range(min(request.reasks + 1, profile.max_turns)):
        calls.append(Tokens(input=prompt + step * (longer + REPAIR_TOKENS), output=longer))
    return calls


def _call(request: Request) -> Call:
    in_blocks = request.blocks is not None and request.profile.code_channel == "blocks"
    system = request.blocks.system if request.blocks and in_blocks else request.system_in_words
    return Call(
        profile=request.profile,
        system=system or request.system,
        messages=(Message("user", request.task),),
        schema_name=request.schema.name,
        schema=request.schema.json_schema(),
    )
