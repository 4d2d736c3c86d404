"""How a model is asked: reserved before, settled after, asked again with the errors, never paid twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.errors import NotFound
from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.errors import (
    BackendDown,
    ContextOverflow,
    DeadlineExceeded,
    InvalidAnswer,
    LLMDisabled,
    LLMError,
    Overloaded,
    RateLimited,
    Refused,
    SchemaRefused,
    Truncated,
)
from app.llm.request import NotAccepted
from app.llm.spending import at_most
from app.llm.types import Answer, BackendName, Call, CallKey, Profile
from app.tables import ModelAnswer
from tests.db.asking import BAD, EPIC, GOOD, PAID, PROFILE, SPENT, Answering, Asking, request
from tests.db.scripted import Engine, Scripted, open_engine


async def test_a_valid_answer_is_settled_with_its_tokens_and_the_bill(database: Database) -> None:
    asking = Asking(database, Answering(GOOD))
    reply = await asking.ask(request(prompt_version=3))
    assert (reply.data, reply.model, reply.tokens, reply.calls) == (EPIC, "a model", SPENT, 1)
    [row] = await asking.ledger()
    assert (row.outcome, row.input_tokens, row.output_tokens, row.request_id) == ("ok", 100, 10, "req-1")
    assert (row.role, row.prompt_version, row.prompt_digest, row.phase) == ("pm", 3, "a" * 64, "pm")
    assert row.settled_at is not None


async def test_the_reservation_stands_in_the_ledger_while_the_backend_is_asked(database: Database) -> None:
    seen: list[tuple[str, int, int | None]] = []

    async def look(call: Call) -> str:
        seen.extend((row.outcome, row.reserved_tokens, row.input_tokens) for row in await asking.ledger())
        return GOOD

    asking = Asking(database, Answering(look))
    await asking.ask(request())
    [(outcome, reserved, spent)] = seen
    assert (outcome, spent) == ("open", None)
    assert reserved > PROFILE.max_output_tokens


async def test_an_invalid_answer_is_asked_again_with_the_compact_errors(database: Database) -> None:
    backend = Answering(BAD, "no JSON here", GOOD)
    asking = Asking(database, backend)
    reply = await asking.ask(request())
    assert (reply.data, reply.calls) == (EPIC, 3)
    assert await asking.outcomes() == ["invalid_answer", "invalid_answer", "ok"]
    _, second, third = backend.calls
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1].content == BAD
    assert second.messages[2].content == "wrong: title: must not be empty"
    assert third.messages[:3] == second.messages
    assert {call.system for call in backend.calls} == {"You are the PM"}
    assert [call.key.step for call in backend.calls] == [0, 1, 2]


@pytest.mark.parametrize("reasks", [0, 1, 2])
async def test_an_answer_is_asked_again_so_often_and_no_more(database: Database, reasks: int) -> None:
    asking = Asking(database, Answering(*[BAD] * (reasks + 1)))
    with pytest.raises(InvalidAnswer, match=f"after {reasks + 1} answers: title"):
        await asking.ask(request(reasks=reasks))
    assert await asking.outcomes() == ["invalid_answer"] * (reasks + 1)


@pytest.mark.parametrize("error", [Truncated, Refused])
async def test_a_cut_off_or_refused_answer_is_billed_and_never_parsed(
    database: Database, error: type[LLMError]
) -> None:
    asking = Asking(database, Answering(error("no", tokens=SPENT), error("no", tokens=SPENT)))
    with pytest.raises(error):
        await asking.ask(request())
    assert [(row.outcome, row.input_tokens, row.error) for row in await asking.ledger()] == [
        (error.code, 100, "no")
    ] * 2


async def test_a_cut_off_answer_is_asked_for_once_more_with_twice_the_room(database: Database) -> None:
    backend = Answering(Truncated("cut"), GOOD)
    assert (await Asking(database, backend).ask(request())).data == EPIC
    assert [call.profile.max_output_tokens for call in backend.calls] == [8_192, 16_384]


async def test_a_longer_answer_never_takes_the_room_of_the_prompt(database: Database) -> None:
    small = replace(PROFILE, context_tokens=2_000, max_output_tokens=1_500)
    backend = Answering(Truncated("cut"), GOOD)
    await Asking(database, backend).ask(request(profile=small))
    longer = backend.calls[1].profile.max_output_tokens
    assert 1_500 < longer < 2_000 - at_most(backend.calls[1]).input + 1


async def test_a_prompt_that_does_not_fit_is_never_sent(database: Database) -> None:
    asking = Asking(database, backend := Answering())
    with pytest.raises(ContextOverflow, match="has room for 24,576"):
        await asking.ask(request(task="word " * 30_000))
    assert (backend.calls, await asking.ledger()) == ([], [])


APOLOGIES = [
    "I'm sorry, but I can't help with that.",
    "As an AI language model, I cannot write this.",
    "Unfortunately, I am unable to do so.",
]


@pytest.mark.parametrize("apology", [*APOLOGIES, Refused("declined", tokens=SPENT)])
async def test_a_local_model_that_refuses_politely_is_given_the_task_once_more_as_an_order(
    database: Database, apology: str | Exception
) -> None:
    backend = Answering(apology, GOOD)
    reply = await Asking(database, backend).ask(request(deliverable="code", reasks=0))
    assert reply.data == EPIC
    assert [call.messages[0].content for call in backend.calls] == [
        "Write the epic",
        "Generate code for the following.\n\nWrite the epic",
    ]


async def test_a_model_that_refuses_twice_is_taken_at_its_word(database: Database) -> None:
    asking = Asking(database, Answering(*APOLOGIES))
    with pytest.raises(InvalidAnswer):
        await asking.ask(request(reasks=0))
    assert await asking.outcomes() == ["invalid_answer"] * 2


async def test_claude_is_not_talked_out_of_a_refusal(database: Database) -> None:
    backend = Answering(Refused("cyber", tokens=SPENT), name="anthropic")
    with pytest.raises(Refused):
        await Asking(database, backend).ask(request(profile=PAID))
    assert len(backend.calls) == 1


async def test_a_server_that_refuses_the_grammar_is_asked_with_a_tool_and_then_in_words(
    database: Database,
) -> None:
    backend = Answering(SchemaRefused("too complex"), UnsupportedSchema("no tools"), BAD, GOOD)
    asking = Asking(database, backend)
    assert (await asking.ask(request())).data == EPIC
    assert [call.mode for call in backend.calls] == ["grammar", "tool", "prompt", "prompt"]
    assert [row.mode for row in await asking.ledger()] == ["grammar", "tool", "prompt", "prompt"]
    assert [call.key.step for call in backend.calls] == [0, 0, 0, 1]


async def test_a_profile_caps_the_turns_of_a_task(database: Database) -> None:
    asking = Asking(database, Answering(BAD, BAD))
    with pytest.raises(InvalidAnswer, match="after 2 answers"):
        await asking.ask(request(profile=replace(PROFILE, max_turns=2), reasks=5))


async def test_what_the_schema_lost_and_what_was_estimated_is_kept_with_the_call(database: Database) -> None:
    lost = ("$.title: minLength is not checked",)
    answer = Answer(GOOD, SPENT, "a model", weakened=lost, thinking_estimated=True)
    asking = Asking(database, Answering(answer))
    await asking.ask(request(route="light"))
    [row] = await asking.ledger()
    assert (row.route, row.cascade_step, row.reason, row.mode) == ("light", 0, None, "grammar")
    assert (row.weakened, row.thinking_estimated) == (list(lost), True)


@pytest.mark.parametrize("error", [RateLimited, Overloaded, BackendDown])
async def test_a_busy_server_is_asked_again_and_every_attempt_is_in_the_ledger(
    database: Database, error: type[LLMError]
) -> None:
    asking = Asking(database, Answering(error("busy", retry_after_s=0.01), error("busy"), GOOD))
    assert (await asking.ask(request())).data == EPIC
    assert await asking.outcomes() == [error.code, error.code, "ok"]
    assert [row.cost_usd for row in await asking.ledger()][:2] == [0, 0]


async def test_an_answer_that_its_own_server_could_not_read_is_asked_for_again(database: Database) -> None:
    unread = InvalidAnswer("the server could not read what the model wrote", tokens=SPENT)
    asking = Asking(database, backend := Answering(unread, GOOD))
    reply = await asking.ask(request(reasks=0))
    assert (reply.data, reply.tokens) == (EPIC, SPENT + SPENT)
    assert await asking.outcomes() == ["invalid_answer", "ok"]
    assert backend.calls[0] == backend.calls[1]


async def test_a_server_that_stays_busy_is_given_up(database: Database) -> None:
    asking = Asking(database, Answering(*[RateLimited("busy")] * 3))
    with pytest.raises(RateLimited):
        await asking.ask(request())
    assert await asking.outcomes() == ["rate_limited"] * 3


async def test_a_server_that_asks_for_too_much_patience_gets_no_second_request(database: Database) -> None:
    asking = Asking(database, Answering(RateLimited("busy", retry_after_s=31)))
    with pytest.raises(RateLimited):
        await asking.ask(request())
    assert await asking.outcomes() == ["rate_limited"]


async def test_a_reply_that_was_lost_stays_open_at_its_reservation(database: Database) -> None:
    async def never(call: Call) -> str:
        await asyncio.Event().wait()
        return GOOD

    asking = Asking(database, Answering(never, never, GOOD))
    await asking.ask(request(profile=replace(PROFILE, timeout_s=0.05)))
    rows = await asking.ledger()
    assert [row.outcome for row in rows] == ["open", "open", "ok"]
    assert [row.settled_at for row in rows[:2]] == [None, None]
    assert all(row.reserved_tokens for row in rows)


@pytest.mark.parametrize(
    ("backend", "setting"), [("ollama", "local_timeout_s"), ("anthropic", "api_timeout_s")]
)
async def test_the_deadline_is_the_setting_of_the_backend(
    database: Database, backend: BackendName, setting: str
) -> None:
    async def never(call: Call) -> str:
        await asyncio.Event().wait()
        return GOOD

    asking = Asking(database, Answering(*[never] * 3, name=backend), **{setting: 0.01})
    with pytest.raises(DeadlineExceeded, match=r"within 0\.01 s"):
        await asking.ask(request(profile=replace(PROFILE, backend=backend)))


async def test_the_kill_switch_stops_every_call_before_any_traffic(database: Database) -> None:
    backend = Answering(GOOD)
    asking = Asking(database, backend, llm_disabled=True)
    with pytest.raises(LLMDisabled, match="WORKBENCH_LLM_DISABLED"):
        await asking.ask(request())
    assert (backend.calls, await asking.ledger()) == ([], [])


async def test_a_backend_that_is_not_there_costs_nothing(database: Database) -> None:
    asking = Asking(database, Answering(GOOD))
    with pytest.raises(NotFound, match="no LLM backend 'openai'; there are: ollama"):
        await asking.ask(request(profile=replace(PROFILE, backend="openai")))
    assert await asking.ledger() == []


async def test_an_answer_that_can_not_be_used_is_told_to_the_model(database: Database) -> None:
    async def accept(data: Any) -> None:
        if len(backend.calls) == 1:
            raise NotAccepted(["unsafe_path: no"])

    backend = Answering(GOOD, GOOD)
    asking = Asking(database, backend)
    assert (await asking.ask(request(accept=accept))).calls == 2
    assert backend.calls[1].messages[-1].content == "wrong: unsafe_path: no"
    assert [(row.outcome, row.error) for row in await asking.ledger()] == [
        ("not_accepted", "unsafe_path: no"),
        ("ok", None),
    ]


@pytest.mark.parametrize("text", [GOOD + "\x00", "\ud800" + GOOD, GOOD.replace("runs", "r\x00ns")])
async def test_text_that_no_database_holds_is_judged_and_billed_like_any_other(
    database: Database, text: str
) -> None:
    async with open_engine(database) as engine:
        run = await engine.create(Scripted())
        asking = Asking(database, Answering(text, GOOD))
        assert (await asking.ask(request(pipeline_id=run.id))).data["title"] == "T"
        assert (await asking.outcomes())[-1] == "ok"


async def test_a_message_that_no_database_holds_is_still_in_the_ledger(database: Database) -> None:
    asking = Asking(database, Answering(Refused("no\x00 \ud800"), name="anthropic"))
    with pytest.raises(Refused):
        await asking.ask(request(profile=PAID))
    assert [row.error for row in await asking.ledger()] == [r"no\u0000 \ud800"]


PRICED = {"input": 3.0, "output": 15.0}


@pytest.mark.parametrize(
    ("profile", "cost"),
    [
        (PROFILE, Decimal(0)),
        (replace(PAID, model="a-model-of-tomorrow"), None),
        (replace(PAID, price_usd_per_mtok=PRICED), Decimal("0.00045")),
    ],
    ids=["local", "unknown", "priced"],
)
async def test_a_local_call_costs_nothing_and_an_unknown_price_is_never_nothing(
    database: Database, profile: Profile, cost: Decimal | None
) -> None:
    asking = Asking(database, Answering(GOOD, name=profile.backend))
    assert (await asking.ask(request(profile=profile))).cost_usd == cost
    [row] = await asking.ledger()
    assert row.cost_usd == cost
    assert (row.reserved_usd is None) == (cost is None)


class TestReplay:
    """A run that is picked up again does not pay for what was answered already."""

    async def test_an_answer_that_is_stored_is_used_again(self, database: Database) -> None:
        async with open_engine(database) as engine:
            key = await keys(engine)
            await Asking(database, Answering(BAD, GOOD)).ask(request(**key))
            resumed = Answering()
            reply = await Asking(database, resumed).ask(request(**key))
            assert (reply.data, reply.calls, reply.cost_usd, resumed.calls) == (EPIC, 0, 0, [])

    async def test_a_crash_between_two_answers_pays_for_the_second_only(self, database: Database) -> None:
        async with open_engine(database) as engine:
            key = await keys(engine)
            with pytest.raises(ZeroDivisionError):
                await Asking(database, Answering(BAD, ZeroDivisionError("crash"))).ask(request(**key))
            resumed = Answering(GOOD)
            assert (await Asking(database, resumed).ask(request(**key))).calls == 1
            assert [call.key.step for call in resumed.calls] == [1]

    async def test_an_answer_that_was_not_accepted_is_not_accepted_again(self, database: Database) -> None:
        async def refuse(data: Any) -> None:
            raise NotAccepted(["no"])

        async with open_engine(database) as engine:
            key = await keys(engine)
            first = request(**key, accept=refuse, reasks=0)
            with pytest.raises(InvalidAnswer):
                await Asking(database, Answering(GOOD)).ask(first)
            resumed = Asking(database, Answering())
            with pytest.raises(InvalidAnswer):
                await resumed.ask(first)
            assert await resumed.outcomes() == ["not_accepted"]

    @pytest.mark.parametrize("change", ["task", "round", "run"])
    async def test_another_question_is_asked_anew(self, database: Database, change: str) -> None:
        async with open_engine(database) as engine:
            key = await keys(engine)
            await Asking(database, Answering(GOOD)).ask(request(**key))
            other = {
                "task": {**key, "task": "Another"},
                "round": {**key, "key": CallKey(epic="An epic", phase="pm", round=1)},
                "run": await keys(engine),
            }[change]
            assert (await Asking(database, Answering(GOOD)).ask(request(**other))).calls == 1

    async def test_an_attempt_uses_what_another_try_was_answered_meanwhile(self, database: Database) -> None:
        async with open_engine(database) as engine:
            key = await keys(engine)

            async def while_the_other_is_answered(call: Call) -> str:
                await Asking(database, Answering(GOOD)).ask(request(**key))
                raise RateLimited("later")

            slow = Answering(while_the_other_is_answered)
            asking = Asking(database, slow)
            reply = await asking.ask(request(**key))
            assert (reply.data, len(slow.calls)) == (EPIC, 1)
            assert [row.outcome for row in await asking.ledger()] == ["rate_limited", "ok"]

    async def test_a_call_of_no_run_is_not_stored(self, database: Database) -> None:
        await Asking(database, Answering(GOOD)).ask(request())
        async with database.transaction() as session:
            assert (await session.scalars(select(ModelAnswer))).all() == []


async def keys(engine: Engine) -> dict[str, Any]:
    engine.kinds.clear()
    run = await engine.create(Scripted())
    return {"pipeline_id": run.id}
