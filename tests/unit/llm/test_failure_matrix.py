"""What each way a server can fail ends in: every scenario of the stub, through every real SDK."""

from __future__ import annotations

import asyncio

import pytest

from app.llm.backends import create_backends
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    ContextOverflow,
    DeadlineExceeded,
    InvalidAnswer,
    LLMError,
    LoopDetected,
    ModelNotFound,
    OutOfCredit,
    Overloaded,
    RateLimited,
    Refused,
    ReplyLost,
    RequestRefused,
    SchemaRefused,
    Truncated,
)
from app.llm.parser import LLMResponseParser
from app.llm.types import Answer, Call, Message, Mode, Profile
from app.settings import ROOT, Settings
from app.usage.tokens import Tokens
from tests.stub import Stub
from tests.stub.scenarios import NAMES

Outcome = type[LLMError] | None
"""None: a usable answer."""
BACKENDS = ("anthropic", "ollama", "openai")
KEY = "sk-secret-of-the-test"
DEADLINE_S = 0.5

MATRIX: dict[str, tuple[str, Outcome, Outcome, Outcome]] = {
    "ok": ("a good answer", None, None, None),
    "unstreamed": ("a good answer, whole although a stream was asked for", None, None, None),
    "thinking": ("thinking before the answer", None, None, None),
    "cache": ("a prompt that was cached in part", None, None, None),
    "fenced": ("JSON in a fenced block, with words around it", None, None, None),
    "json_in_thinking": ("JSON in the thinking, no text", None, None, None),
    "no_usage": ("no token counts: they are estimated", None, None, None),
    "no_call": ("text instead of a call of the tool", None, None, None),
    "two_calls": ("the tool is called twice", InvalidAnswer, InvalidAnswer, InvalidAnswer),
    "prose": ("words, no JSON", InvalidAnswer, InvalidAnswer, InvalidAnswer),
    "empty": ("no text", InvalidAnswer, InvalidAnswer, InvalidAnswer),
    "refusal": ("the model declines", Refused, InvalidAnswer, Refused),
    "max_tokens": ("the answer reaches its limit", Truncated, Truncated, Truncated),
    "context_full": ("prompt and answer fill the context", ContextOverflow, Truncated, Truncated),
    "silent_truncation": ("the prompt was cut in silence", None, ContextOverflow, None),
    "overflow": ("the prompt is refused as too long", ContextOverflow, ContextOverflow, ContextOverflow),
    "loop": ("the text repeats itself", LoopDetected, LoopDetected, LoopDetected),
    "loop_thinking": ("the thinking repeats itself", LoopDetected, LoopDetected, LoopDetected),
    "400": ("400, the request is refused", RequestRefused, RequestRefused, RequestRefused),
    "413": ("413, the request is too large", RequestRefused, RequestRefused, RequestRefused),
    "no_thinking": ("400, the model can not think", RequestRefused, RequestRefused, RequestRefused),
    "schema_refused": ("400, the schema is too complex", SchemaRefused, SchemaRefused, SchemaRefused),
    "grammar_refused": ("400, the grammar is too large", SchemaRefused, SchemaRefused, SchemaRefused),
    "error_text": ("400, no such `response_format`", SchemaRefused, SchemaRefused, SchemaRefused),
    "no_tools": ("400, the model takes no tools", SchemaRefused, SchemaRefused, SchemaRefused),
    "401": ("401, the key is refused", AuthenticationFailed, AuthenticationFailed, AuthenticationFailed),
    "403": ("403, the key may not", AuthenticationFailed, AuthenticationFailed, AuthenticationFailed),
    "402": ("402, no credit", OutOfCredit, OutOfCredit, OutOfCredit),
    "no_credit": ("400, the credit balance is too low", OutOfCredit, OutOfCredit, OutOfCredit),
    "404": ("404, no such model", ModelNotFound, ModelNotFound, ModelNotFound),
    "429": ("429, again in 2 s", RateLimited, RateLimited, RateLimited),
    "429-ms": ("429, again in 250 ms", RateLimited, RateLimited, RateLimited),
    "429-plain": ("429, not said when again", RateLimited, RateLimited, RateLimited),
    "429-hour": ("429, again in an hour", RateLimited, RateLimited, RateLimited),
    "500": ("500", BackendDown, BackendDown, BackendDown),
    "503": ("503, the queue is full", Overloaded, Overloaded, Overloaded),
    "529": ("529, overloaded", Overloaded, Overloaded, Overloaded),
    "peg": ("500, the server can not read what its model wrote", BackendDown, BackendDown, InvalidAnswer),
    "html-502": ("502 with a page of a proxy", BackendDown, BackendDown, BackendDown),
    "error_list": ("500 with an error of no known form", BackendDown, BackendDown, BackendDown),
    "redirect": ("a redirect: it is not followed", BackendDown, BackendDown, BackendDown),
    "error_200": ("200 with an error in the body", BackendDown, BackendDown, BackendDown),
    "no_object": ("200 with JSON that is no object", BackendDown, BackendDown, BackendDown),
    "no_content": ("200 with a message without content", BackendDown, BackendDown, BackendDown),
    "no_choices": ("200 with no choice in it", BackendDown, BackendDown, BackendDown),
    "malformed": ("200 with broken JSON", ReplyLost, ReplyLost, ReplyLost),
    "html": ("200 with a page", ReplyLost, ReplyLost, ReplyLost),
    "gzip": ("200, compressed although not asked for", ReplyLost, ReplyLost, ReplyLost),
    "huge": ("200 that announces 300 MB", ReplyLost, ReplyLost, ReplyLost),
    "flood": ("200 that never ends", ReplyLost, ReplyLost, ReplyLost),
    "drop": ("the connection closes before a byte", ReplyLost, ReplyLost, ReplyLost),
    "cut": ("the connection breaks within the answer", ReplyLost, ReplyLost, ReplyLost),
    "stream_end": ("the stream ends well before the answer does", ReplyLost, ReplyLost, ReplyLost),
    "stream_malformed": ("broken JSON within the stream", ReplyLost, ReplyLost, ReplyLost),
    "stream_error": ("an error within the stream", BackendDown, BackendDown, BackendDown),
    "stream_overloaded": ("overloaded within the stream", Overloaded, Overloaded, Overloaded),
    "drip": ("a byte now and then, for ever", DeadlineExceeded, DeadlineExceeded, DeadlineExceeded),
}
"""Per scenario: in words, and what it ends in with Claude, Ollama and an OpenAI-compatible server."""

CELLS = [
    pytest.param(scenario, name, outcome, id=f"{scenario}-{name}")
    for scenario, (_, *outcomes) in MATRIX.items()
    for name, outcome in zip(BACKENDS, outcomes, strict=True)
]
MODES: dict[str, Mode] = {"no_call": "tool", "two_calls": "tool", "no_tools": "tool"}
WAITS = {"429": 2.0, "429-ms": 0.25, "429-hour": 3600.0}
AGAIN = {BackendDown, ReplyLost, RateLimited, Overloaded, DeadlineExceeded}
"""The same request may be sent again."""


def test_every_scenario_of_the_stub_has_a_row_and_no_row_is_left_over() -> None:
    assert sorted(MATRIX) == sorted(NAMES)


@pytest.mark.parametrize(("scenario", "name", "outcome"), CELLS)
async def test_each_failure_has_its_name(scenario: str, name: str, outcome: Outcome) -> None:
    ended, stub = await play(scenario, name)
    assert (None if isinstance(ended, Answer) else type(ended)) is outcome
    assert len(stub.requests) == 1, "no backend asks twice"
    if isinstance(ended, LLMError):
        assert KEY not in ended.message
        assert ended.retry_after_s == WAITS.get(scenario)
        assert ended.retryable is (type(ended) in AGAIN)


@pytest.mark.parametrize("scenario", MATRIX)
async def test_the_ledger_is_never_below_the_bill_of_claude(scenario: str) -> None:
    """Either the counts are those of the bill or above, or the row stays open at its reservation."""
    ended, stub = await play(scenario, "anthropic")
    tokens = ended.tokens or Tokens()
    known = tokens.total_input >= stub.bill.total_input and tokens.output >= stub.bill.output
    assert known or (isinstance(ended, LLMError) and ended.reply_lost)


@pytest.mark.abuse(48)
@pytest.mark.parametrize("name", BACKENDS)
async def test_what_a_redirect_leads_to_sees_neither_key_nor_prompt(name: str) -> None:
    async with Stub(name) as elsewhere, Stub(name, "redirect", elsewhere=elsewhere.url) as stub:
        assert type(await ask(stub, name, call_for("redirect", name))) is BackendDown
    assert stub.requests
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("scenario", ["loop", "loop_thinking"])
async def test_a_loop_is_left_and_its_cost_is_known_or_open(scenario: str, name: str) -> None:
    async with Stub(name, scenario) as stub:
        ended = await ask(stub, name, call_for(scenario, name))
        await stub.hung_up.wait()
    assert isinstance(ended, LoopDetected)
    assert ended.reply_lost is (name == "anthropic")
    assert ended.tokens is not None
    assert ended.tokens.input > 0
    assert ended.tokens.output >= 1_000
    assert (ended.tokens.thinking == ended.tokens.output) is (scenario == "loop_thinking")


def test_the_page_shows_the_same_table() -> None:
    """When this fails, the table that belongs into the page is in the message."""
    assert table() in (ROOT / "docs" / "models.md").read_text("utf-8")


def call_for(scenario: str, name: str) -> Call:
    question = "Is it fine? " * (1_000 if scenario == "silent_truncation" else 1)
    profile = Profile("small", name, "tiny", context_tokens=4_096)
    schema = {"type": "object", "properties": {"verdict": {"type": "string"}}}
    mode = MODES.get(scenario, "grammar")
    return Call(profile, "You judge.", [Message("user", question)], "verdict", schema, mode=mode)


async def play(scenario: str, name: str) -> tuple[Answer | LLMError, Stub]:
    """What the caller would come to know, and the server's side of it."""
    async with Stub(name, scenario) as stub:
        deadline = DEADLINE_S if scenario == "drip" else None
        return await ask(stub, name, call_for(scenario, name), deadline), stub


async def ask(stub: Stub, name: str, call: Call, deadline_s: float | None = None) -> Answer | LLMError:
    places = dict.fromkeys(("anthropic_base_url", "ollama_host", "openai_base_url"), stub.url)
    backend = create_backends(
        Settings(_env_file=None, anthropic_api_key=KEY, openai_api_key=KEY, **places)  # type: ignore[arg-type]
    )[name]
    try:
        async with asyncio.timeout(deadline_s):
            answer = await backend.answer(call)
    except TimeoutError:
        return DeadlineExceeded("as the caller says it")
    except LLMError as error:
        return error
    finally:
        await backend.close()
    try:
        LLMResponseParser().parse(answer.text)
    except InvalidAnswer as invalid:
        return InvalidAnswer(invalid.message, errors=invalid.errors, tokens=answer.tokens)
    return answer


def table() -> str:
    lines = ["| what happens | Claude | Ollama | OpenAI-compatible |", "|---|---|---|---|"]
    for words, *outcomes in MATRIX.values():
        cells = " | ".join(f"`{outcome.code}`" if outcome else "answer" for outcome in outcomes)
        lines.append(f"| {words} | {cells} |")
    return "\n".join(lines)
