"""A profile that fails is followed by the next of its route, as far as the policy of the run lets it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.artifacts.rows import row_schema
from app.db import Database
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    LLMError,
    OutOfCredit,
    RateLimited,
    ReplyLost,
    RequestRefused,
)
from app.llm.request import ANY_FAILURE, Cascade, CascadeStep
from tests.db.asking import BAD, EPIC, GOOD, PAID, PROFILE, Answering, Asking, request

BIGGER = replace(PROFILE, name="bigger", model="qwen-14b", think="on")
LOCAL_THEN_BIGGER = Cascade(steps=(CascadeStep(BIGGER, ANY_FAILURE),))
PAID_THEN_LOCAL = Cascade(steps=(CascadeStep(PROFILE, ANY_FAILURE),))
LOCAL_THEN_PAID = Cascade(steps=(CascadeStep(PAID, ANY_FAILURE),))


async def test_an_invalid_answer_of_the_small_model_goes_to_the_bigger_one_that_thinks(
    database: Database,
) -> None:
    local = Answering(BAD, BAD, GOOD)
    asking = Asking(database, local)
    reply = await asking.ask(request(cascade=LOCAL_THEN_BIGGER, reasks=1, route="code"))
    assert (reply.data, reply.profile, reply.reason, reply.calls) == (EPIC, "bigger", "invalid_answer", 3)
    assert [(call.profile.model, call.profile.think) for call in local.calls] == [
        ("qwen", "off"),
        ("qwen", "off"),
        ("qwen-14b", "on"),
    ]
    assert [
        (row.profile, row.outcome, row.cascade_step, row.reason, row.route) for row in await asking.ledger()
    ] == [
        ("local", "invalid_answer", 0, None, "code"),
        ("local", "invalid_answer", 0, None, "code"),
        ("bigger", "ok", 1, "invalid_answer", "code"),
    ]


async def test_the_next_profile_hears_the_task_afresh(database: Database) -> None:
    local = Answering(BAD, GOOD)
    await Asking(database, local).ask(request(cascade=LOCAL_THEN_BIGGER, reasks=0))
    assert local.calls[1].messages == local.calls[0].messages


@pytest.mark.parametrize("error", [RateLimited("slow"), OutOfCredit("empty"), BackendDown("down")])
async def test_with_claude_out_of_reach_a_run_goes_on_locally_when_its_policy_says_so(
    database: Database, error: LLMError
) -> None:
    claude, local = Answering(*[error] * 3, name="anthropic"), Answering(GOOD)
    cascade = replace(PAID_THEN_LOCAL, fall_back_to_local=True)
    asking = Asking(database, claude, local)
    reply = await asking.ask(request(profile=PAID, cascade=cascade))
    assert (reply.profile, reply.reason) == ("local", error.code)


@pytest.mark.parametrize("error", [RateLimited("slow"), OutOfCredit("empty"), BackendDown("down")])
async def test_without_that_policy_it_does_not(database: Database, error: LLMError) -> None:
    claude, local = Answering(*[error] * 3, name="anthropic"), Answering()
    with pytest.raises(type(error)):
        await Asking(database, claude, local).ask(request(profile=PAID, cascade=PAID_THEN_LOCAL))
    assert local.calls == []


async def test_a_critical_decision_waits_rather_than_go_to_a_lesser_model(database: Database) -> None:
    claude, local = Answering(OutOfCredit("empty"), name="anthropic"), Answering()
    cascade = replace(PAID_THEN_LOCAL, fall_back_to_local=True, critical=True)
    with pytest.raises(OutOfCredit):
        await Asking(database, claude, local).ask(request(profile=PAID, cascade=cascade))
    assert local.calls == []


async def test_a_local_model_does_not_repair_what_claude_got_wrong(database: Database) -> None:
    claude, local = Answering(BAD, name="anthropic"), Answering()
    cascade = replace(PAID_THEN_LOCAL, fall_back_to_local=True)
    with pytest.raises(LLMError, match="no valid EpicDeliverable"):
        await Asking(database, claude, local).ask(request(profile=PAID, cascade=cascade, reasks=0))


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_paid_model_is_asked_after_a_local_one_only_when_the_policy_says_so(
    database: Database, allowed: bool
) -> None:
    local, claude = Answering(BAD), Answering(GOOD, name="anthropic")
    asking = Asking(database, local, claude)
    asked = request(cascade=replace(LOCAL_THEN_PAID, escalate_to_paid=allowed), reasks=0)
    if allowed:
        assert (await asking.ask(asked)).profile == "paid"
        return
    with pytest.raises(LLMError):
        await asking.ask(asked)
    assert claude.calls == []


@pytest.mark.parametrize("error", [RequestRefused("400"), AuthenticationFailed("401")])
async def test_a_fault_of_the_request_or_the_key_is_not_covered_up(
    database: Database, error: LLMError
) -> None:
    local = Answering(error)
    with pytest.raises(type(error)):
        await Asking(database, local).ask(request(cascade=LOCAL_THEN_BIGGER))
    assert len(local.calls) == 1


async def test_a_step_is_passed_by_for_outcomes_it_is_not_for(database: Database) -> None:
    third = replace(PROFILE, name="third", model="another")
    steps = (CascadeStep(BIGGER, ("truncated",)), CascadeStep(third, ("invalid_answer",)))
    local = Answering(BAD, GOOD)
    asking = Asking(database, local)
    assert (await asking.ask(request(cascade=Cascade(steps=steps), reasks=0))).profile == "third"
    assert [row.cascade_step for row in await asking.ledger()] == [0, 2]


async def test_a_lost_reply_counts_as_a_backend_that_is_down(database: Database) -> None:
    local = Answering(*[ReplyLost("cut")] * 3, GOOD)
    asking = Asking(database, local)
    assert (await asking.ask(request(cascade=LOCAL_THEN_BIGGER))).reason == "backend_down"
    assert await asking.outcomes() == ["open"] * 3 + ["ok"]


async def test_a_prompt_that_does_not_fit_goes_where_it_does(database: Database) -> None:
    roomy = replace(PROFILE, name="roomy", context_tokens=200_000)
    local = Answering(GOOD)
    cascade = Cascade(steps=(CascadeStep(BIGGER, ANY_FAILURE), CascadeStep(roomy, ANY_FAILURE)))
    reply = await Asking(database, local).ask(request(cascade=cascade, task="word " * 30_000))
    assert (reply.profile, reply.reason, len(local.calls)) == ("roomy", "context_overflow", 1)


async def test_a_model_that_the_graphics_card_does_not_hold_is_passed_by(database: Database) -> None:
    heavy = replace(BIGGER, vram_gb=10.4)
    local = Answering(BAD)
    asked = request(cascade=Cascade(steps=(CascadeStep(heavy, ANY_FAILURE),)), reasks=0)
    with pytest.raises(LLMError):
        await Asking(database, local, vram_gb=8).ask(asked)
    local = Answering(BAD, GOOD)
    assert (await Asking(database, local, vram_gb=12).ask(asked)).profile == "bigger"


@pytest.mark.parametrize(("gates", "profile"), [(0, "local"), (1, "bigger"), (2, "third"), (3, "third")])
async def test_work_that_was_sent_back_begins_one_step_further(
    database: Database, gates: int, profile: str
) -> None:
    third = replace(PROFILE, name="third")
    steps = (CascadeStep(BIGGER, ("gate_failed",)), CascadeStep(third, ("gate_failed",)))
    asking = Asking(database, Answering(GOOD))
    reply = await asking.ask(request(cascade=Cascade(steps=steps, gates_failed=gates)))
    assert (reply.profile, reply.reason) == (profile, "gate_failed" if gates else None)


SURE = {"type": "object", "properties": {"confidence": {"type": "number"}}, "required": ["confidence"]}


@pytest.mark.parametrize(
    ("first", "steps", "profile"), [(0.9, 1, "local"), (0.5, 1, "bigger"), (0.5, 0, "local")]
)
async def test_an_answer_that_is_unsure_of_itself_goes_on_where_there_is_somebody_to_ask(
    database: Database, first: float, steps: int, profile: str
) -> None:
    local = Answering(*(json.dumps({"confidence": sure}) for sure in (first, 0.6)))
    cascade = Cascade(steps=LOCAL_THEN_BIGGER.steps[:steps], min_confidence=0.8)
    asked: dict[str, Any] = {"schema": row_schema("sure", SURE), "cascade": cascade}
    assert (await Asking(database, local).ask(request(**asked))).profile == profile
