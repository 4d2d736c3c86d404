"""A probe asks every question in every mode, writes down each call, and stores what holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.llm.capabilities import FRESH_S, Capabilities
from app.llm.errors import (
    BackendDown,
    DeadlineExceeded,
    LLMDisabled,
    LLMError,
    ModelNotFound,
    RequestRefused,
    Truncated,
)
from app.llm.probing import store
from app.llm.probing.figures import Capability
from app.llm.probing.prober import Found, Prober, Step
from app.llm.types import Answer, BackendName, Call, Mode, Profile
from app.seeding.files import load_probes
from app.settings import Settings
from app.tables import PromptUsage
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder
from app.usage.tokens import Tokens

CASES = load_probes()
PROFILE = Profile("local", "ollama", "qwen", max_output_tokens=2_000)
RIGHT = {
    "expense": {"category": "transport", "amount": 2.75, "merchant": "", "recurring": False},
    "bug": {"kind": "division_by_zero", "severity": "high", "line": 5, "fix": "Mind the empty list."},
    "routing": {"model": "qwen2.5-coder-7b", "complexity": "simple", "think": False, "reason": "Plain."},
    "function": {
        "name": "findByEmail",
        "language": "java",
        "visibility": "public",
        "parameters": [{"name": "users", "type": "List<User>"}],
        "returns": "Optional<User>",
    },
    "number": {"value": 42, "parity": "even", "is_prime": False, "fact": "Known."},
}
React = Callable[[Call], str | LLMError]


def right(call: Call) -> str:
    return json.dumps(RIGHT[call.key.item])


class Server:
    """A backend that reacts to each call, and says which version it is."""

    name: BackendName = "ollama"

    def __init__(self, react: React = right, version: str = "0.32.9") -> None:
        self.react = react
        self.said = version
        self.calls: list[Call] = []
        self.is_up = True

    async def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        reaction = self.react(call)
        if isinstance(reaction, LLMError):
            raise reaction
        return Answer(reaction, Tokens(input=50, output=25, thinking=5), "qwen")

    async def models(self) -> list[str]:
        if not self.is_up:
            raise BackendDown("gone")
        return ["qwen"]

    async def version(self) -> str:
        return self.said

    async def close(self) -> None:
        return None


async def probe(database: Database, server: Server, **given: Any) -> Found:
    settings = Settings(_env_file=None, llm_disabled=given.pop("disabled", False))
    prober = Prober(settings, {"ollama": server}, database, UsageRecorder(database), PriceBook(database))
    return await prober.probe(given.pop("profile", PROFILE), CASES, **given)


async def stored(database: Database) -> list[Capability]:
    async with database.transaction() as session:
        return await store.every(session)


async def ledger(database: Database) -> list[PromptUsage]:
    async with database.transaction() as session:
        return list(await session.scalars(select(PromptUsage).order_by(PromptUsage.id)))


def by_mode(found: Found, *, thinks: bool = False) -> dict[Mode, Capability]:
    return {one.mode: one for one in found.capabilities if one.thinks is thinks}


async def test_five_questions_in_three_modes_with_and_without_thinking(database: Database) -> None:
    server = Server()
    found = await probe(database, server)
    assert len(found.capabilities) == 6
    assert {(one.asked, one.valid, one.correct) for one in found.capabilities} == {(5, 5, 5)}
    assert {one.server_version for one in found.capabilities} == {"0.32.9"}
    assert sorted(await stored(database), key=repr) == sorted(found.capabilities, key=repr)
    _warm_up, *calls = server.calls
    assert len(calls) == 30
    assert {(call.mode, call.profile.think) for call in calls} == {
        (mode, think) for mode in ("grammar", "tool", "prompt") for think in ("off", "on")
    }


async def test_answers_are_kept_short_and_never_longer_than_the_profile_allows(database: Database) -> None:
    server = Server()
    await probe(database, server)
    asked = {(call.profile.think, call.profile.max_output_tokens) for call in server.calls}
    assert asked == {("off", 1_024), ("on", 2_000)}


async def test_every_call_is_in_the_ledger_with_its_mode_and_its_outcome(database: Database) -> None:
    def react(call: Call) -> str:
        return right(call) if call.mode == "grammar" else "It is hard to say."

    await probe(database, Server(react))
    rows = await ledger(database)
    assert len(rows) == 31
    assert {(row.role, row.profile, row.backend, row.model) for row in rows} == {
        ("probe", "local", "ollama", "qwen")
    }
    assert {(row.mode, row.outcome) for row in rows} == {
        ("grammar", "ok"),
        ("tool", "invalid_answer"),
        ("prompt", "invalid_answer"),
    }
    assert {(row.input_tokens, row.output_tokens, row.cost_usd) for row in rows} == {(50, 25, 0)}


async def test_what_a_mode_does_is_counted_apart(database: Database) -> None:
    def react(call: Call) -> str | LLMError:
        match call.mode:
            case "grammar":
                return right(call)
            case "tool":
                return Truncated("cut off", tokens=Tokens(output=1_024))
        return '{"category": "travel"}'

    found = by_mode(await probe(database, Server(react)))
    assert (found["grammar"].compliant, found["grammar"].output_tokens) == (5, 125)
    assert (found["tool"].answered, found["tool"].valid, found["tool"].output_tokens) == (5, 0, 5 * 1_024)
    assert (found["prompt"].valid, found["prompt"].enums) == (5, 0)
    assert found["tool"].error == "cut off"


@pytest.mark.parametrize("error", [RequestRefused, DeadlineExceeded, BackendDown])
async def test_a_mode_that_its_server_can_not_do_is_left_after_one_question(
    database: Database, error: type[LLMError]
) -> None:
    def react(call: Call) -> str | LLMError:
        return error("no tools here") if call.mode == "tool" else right(call)

    found = by_mode(await probe(database, Server(react)))
    assert (found["tool"].asked, found["tool"].answered, found["tool"].error) == (1, 0, "no tools here")
    assert (found["grammar"].compliant, found["prompt"].compliant) == (5, 5)


async def test_a_lost_reply_stays_open_in_the_ledger(database: Database) -> None:
    def react(call: Call) -> str | LLMError:
        return DeadlineExceeded("too slow") if call.mode == "tool" else right(call)

    await probe(database, Server(react))
    assert [row.mode for row in await ledger(database) if row.outcome == "open"] == ["tool", "tool"]


@pytest.mark.parametrize("error", [ModelNotFound, BackendDown])
async def test_half_a_probe_is_not_stored(database: Database, error: type[LLMError]) -> None:
    server = Server()

    def react(call: Call) -> str | LLMError:
        if len(server.calls) < 12:
            return right(call)
        server.is_up = False
        return error("it went away")

    server.react = react
    with pytest.raises(error):
        await probe(database, server)
    assert await stored(database) == []
    assert [row.outcome for row in await ledger(database)][-1] == error.code


async def test_a_model_that_never_answers_teaches_nothing(database: Database) -> None:
    found = await probe(database, Server(lambda _: RequestRefused("no")))
    assert {one.answered for one in found.capabilities} == {0}
    assert await stored(database) == []


async def test_a_paid_model_is_not_warmed_up_and_its_bill_is_known(database: Database) -> None:
    server = Server()
    priced = Profile("paid", "ollama", "qwen", price_usd_per_mtok={"input": 10, "output": 100})
    found = await probe(database, server, profile=priced)
    assert len(server.calls) == 30
    assert found.cost_usd == Decimal("0.09")  # 30 calls: 50 tokens at $10 and 25 at $100 a million


async def test_repeating_asks_every_question_again(database: Database) -> None:
    found = await probe(database, Server(), repeat=3)
    assert {one.asked for one in found.capabilities} == {15}


async def test_the_watcher_sees_each_call_before_it_is_made(database: Database) -> None:
    seen: list[Step] = []
    await probe(database, Server(), watch=seen.append)
    assert [step.number for step in seen] == list(range(30))
    assert {step.of for step in seen} == {30}


async def test_the_kill_switch_stops_a_probe(database: Database) -> None:
    server = Server()
    with pytest.raises(LLMDisabled):
        await probe(database, server, disabled=True)
    assert server.calls == []


async def test_a_new_probe_takes_the_place_of_the_last_of_the_same_server_version(database: Database) -> None:
    await probe(database, Server())
    again = await probe(database, Server(lambda _: "prose"))
    assert sorted(await stored(database), key=repr) == sorted(again.capabilities, key=repr)


async def test_the_last_three_server_versions_of_each_model_are_kept(database: Database) -> None:
    other = Profile("other", "ollama", "llama")
    await probe(database, Server(version="1"), profile=other)
    for version in ("1", "2", "3", "4"):
        await probe(database, Server(version=version))
    kept = {(one.model, one.server_version) for one in await stored(database)}
    assert kept == {("llama", "1"), ("qwen", "2"), ("qwen", "3"), ("qwen", "4")}


class TestWhatCallersAreTold:
    async def test_a_model_that_was_not_probed_has_the_usual_modes(self, database: Database) -> None:
        known = Capabilities(database)
        assert await known.modes("ollama", "qwen", "off") == ("grammar", "tool", "prompt")
        assert await known.thinks_with_grammar("ollama", "qwen") is None

    async def test_thinking_is_looked_up_apart(self, database: Database) -> None:
        def react(call: Call) -> str:
            return "prose" if call.mode == "grammar" and call.profile.think == "on" else right(call)

        await probe(database, Server(react))
        known = Capabilities(database)
        assert await known.modes("ollama", "qwen", "off") == ("grammar", "tool", "prompt")
        assert await known.modes("ollama", "qwen", "high") == ("tool", "prompt")
        assert await known.thinks_with_grammar("ollama", "qwen") is False

    async def test_a_probe_elsewhere_is_seen_in_a_while_and_one_of_our_own_at_once(
        self, database: Database
    ) -> None:
        now = 0.0
        known = Capabilities(database, clock=lambda: now)
        usual = await known.modes("ollama", "qwen", "off")
        await probe(database, Server(lambda call: right(call) if call.mode == "prompt" else "prose"))
        assert await known.modes("ollama", "qwen", "off") == usual
        now = FRESH_S
        assert await known.modes("ollama", "qwen", "off") == ("prompt",)
        await probe(database, Server())
        known.forget()
        assert await known.modes("ollama", "qwen", "off") == usual

    async def test_while_the_database_is_away_the_usual_modes_will_do(self) -> None:
        nowhere = Database("postgresql://nobody@127.0.0.1:9/none")
        try:
            assert await Capabilities(nowhere).modes("ollama", "qwen", "off") == ("grammar", "tool", "prompt")
        finally:
            await nowhere.close()
