"""The response cache: the very same question, within its time and its room; and the bill of a hit."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.db import Database
from app.llm import cache_rows
from app.llm.cache import ROW_BYTES, Cached, ResponseCache
from app.llm.types import Answer, Call, Message, Profile
from app.pipelines.retention import cached
from app.pipelines.retention.policy import Pruned
from app.tables import CachedAnswer, CacheSize, ModelAnswer, PromptUsage
from app.usage import reports
from app.usage.cost import Cost
from app.usage.recorder import CallRecord, Settlement, UsageRecorder
from app.usage.tokens import Tokens
from tests.db.past import Past

PROFILE = Profile("local", "ollama", "qwen", temperature=0.1)
CALL = Call(PROFILE, "You are the PM", (Message("user", "Write the epic"),), "Epic", {"type": "object"})
SPENT = Tokens(input=100, cache_read=5, output=10)
ANSWER = Answer('{"title": "T"}', SPENT, "qwen:latest")
ROOMY = 1_000_000


def record(phase: str = "pm", **values: Any) -> CallRecord:
    given = {"item": "", "round": 0, "step": 0, "backend": "ollama", "profile": "local", "model": "qwen"}
    digests = {"prompt_digest": "a" * 64, "prompt_version": 1, "request_digest": "b" * 64}
    return CallRecord(phase=phase, role=phase, **{**given, **digests, **values})


class Shelf:
    """A cache, and calls that are paid for what it keeps."""

    def __init__(self, database: Database, *, hours: float = 24, max_bytes: int = ROOMY) -> None:
        self.database = database
        self.recorder = UsageRecorder(database)
        self.cache = ResponseCache(database, timedelta(hours=hours), max_bytes)

    async def paid(self, made: CallRecord | None = None) -> int:
        made = made or record()
        row = await self.recorder.open(made, tokens=500, cost=Cost(Decimal("0.02"), "list 1"))
        await self.recorder.settle(row, made, Settlement("ok", SPENT, Cost(Decimal("0.01"), "list 1")))
        return row

    async def keep(self, call: Call = CALL, text: str = ANSWER.text, sample: int = 0) -> int:
        paid = await self.paid()
        assert await self.cache.put(call, replace(ANSWER, text=text), paid, sample)
        return paid

    async def size(self) -> tuple[int, int]:
        """Entries, and the bytes that are said to be in use, which are those that are."""
        said = select(CacheSize.bytes).scalar_subquery()
        query = select(func.count(), func.coalesce(func.sum(CachedAnswer.size), 0), func.coalesce(said, 0))
        async with self.database.transaction() as session:
            entries, used, in_use = (await session.execute(query)).one()
        assert used == in_use
        return entries, used

    async def change(self, **values: Any) -> None:
        async with self.database.transaction() as session:
            await session.execute(update(CachedAnswer).values(**values))


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


def asking(task: str) -> Call:
    return replace(CALL, messages=(Message("user", task),))


async def test_the_very_same_question_gets_the_answer_and_what_it_once_cost(shelf: Shelf) -> None:
    assert await shelf.cache.get(CALL) is None
    paid = await shelf.keep()
    assert await shelf.cache.get(CALL) == Cached(ANSWER.text, "qwen:latest", SPENT, paid)


REASKED = (*CALL.messages, Message("assistant", "{}"), Message("user", "title is missing"))


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, system="You are the QA"),
        replace(CALL, messages=REASKED),
        replace(CALL, schema={"type": "object", "required": ["title"]}),
        replace(CALL, mode="prompt"),
        *(
            replace(CALL, profile=replace(PROFILE, **{name: value}))
            for name, value in {
                "backend": "openai",
                "model": "qwen2",
                "temperature": 0.2,
                "think": "on",
                "max_output_tokens": 9,
                "context_tokens": 9,
            }.items()
        ),
    ],
)
async def test_whatever_could_change_the_answer_makes_it_another_question(shelf: Shelf, other: Call) -> None:
    await shelf.keep(other, text="another")
    assert await shelf.cache.get(CALL) is None
    await shelf.keep()
    assert [(await shelf.cache.get(call)).text for call in (CALL, other)] == [ANSWER.text, "another"]


async def test_the_first_question_alone_never_gets_what_took_a_re_ask(shelf: Shelf) -> None:
    await shelf.keep(replace(CALL, messages=REASKED))
    assert await shelf.cache.get(CALL) is None


async def test_each_sample_of_one_question_has_an_answer_of_its_own(shelf: Shelf) -> None:
    await shelf.keep(sample=1, text="the second")
    assert await shelf.cache.get(CALL) is None
    assert (await shelf.cache.get(CALL, sample=1)).text == "the second"


async def test_recorded_answers_are_not_kept(shelf: Shelf) -> None:
    call = replace(CALL, profile=replace(PROFILE, backend="recorded"))
    assert not await shelf.cache.put(call, ANSWER, await shelf.paid())
    assert await shelf.size() == (0, 0)


@pytest.mark.parametrize("off", [{"hours": 0}, {"max_bytes": 0}])
async def test_a_cache_that_is_off_keeps_nothing_and_finds_nothing(
    shelf: Shelf, database: Database, off: dict[str, int]
) -> None:
    await shelf.keep()
    switched_off = Shelf(database, **off).cache
    assert await switched_off.get(CALL) is None
    assert not await switched_off.put(CALL, ANSWER, await shelf.paid())


async def test_an_answer_past_its_time_is_not_given(shelf: Shelf) -> None:
    await shelf.keep()
    await shelf.change(expires_at=func.now() - timedelta(seconds=1))
    assert await shelf.cache.get(CALL) is None


@pytest.mark.parametrize("broken", [None, [], {}, {"text": 1, "model": "m", "tokens": {}}, {"text": "t"}])
async def test_a_broken_row_is_a_miss_and_the_next_answer_takes_its_place(shelf: Shelf, broken: Any) -> None:
    await shelf.keep()
    await shelf.change(answer=func.cast(broken, CachedAnswer.answer.type) if broken is None else broken)
    assert await shelf.cache.get(CALL) is None
    await shelf.keep(text="whole again")
    assert (await shelf.cache.get(CALL)).text == "whole again"
    assert (await shelf.size())[0] == 1


async def test_what_was_not_used_for_the_longest_makes_room(database: Database) -> None:
    shelf = Shelf(database, max_bytes=3 * (ROW_BYTES + 450))
    for task in ("first", "second", "third"):
        await shelf.keep(asking(task), text="x" * 300)
    await shelf.cache.get(asking("first"))
    await shelf.keep(asking("fourth"), text="x" * 300)
    found = [task for task in ("first", "second", "third", "fourth") if await shelf.cache.get(asking(task))]
    assert found == ["first", "third", "fourth"]
    await shelf.size()


async def test_many_small_answers_go_for_a_large_one(database: Database) -> None:
    shelf = Shelf(database, max_bytes=20 * ROW_BYTES)
    for number in range(10):
        await shelf.keep(asking(str(number)))
    await shelf.keep(asking("large"), text="x" * 15 * ROW_BYTES)
    assert await shelf.cache.get(asking("large"))
    assert (await shelf.size())[1] <= 20 * ROW_BYTES


async def test_an_answer_larger_than_the_cache_sends_nothing_away(database: Database) -> None:
    shelf = Shelf(database, max_bytes=10_000)
    await shelf.keep()
    assert not await shelf.cache.put(asking("huge"), replace(ANSWER, text="x" * 10_000), await shelf.paid())
    assert await shelf.cache.get(CALL)


async def test_writers_at_once_never_pass_the_cap(database: Database) -> None:
    cap = 5 * (ROW_BYTES + 450)
    shelves = [Shelf(database, max_bytes=cap) for _ in range(4)]
    paid = await shelves[0].paid()

    async def write(shelf: Shelf, name: int) -> None:
        for number in range(8):
            call = asking(f"{name if number % 2 else 'shared'} {number}")
            await shelf.cache.put(call, replace(ANSWER, text="x" * 300), paid)
            await shelf.cache.get(call)
            entries, used = await shelf.size()
            assert used <= cap
            assert entries <= 5

    await asyncio.gather(*(write(shelf, name) for name, shelf in enumerate(shelves)))


async def test_two_writers_of_the_same_question_leave_one_answer(shelf: Shelf) -> None:
    paid = await shelf.paid()
    texts = ("one", "two", "three", "four")
    await asyncio.gather(*(shelf.cache.put(CALL, replace(ANSWER, text=text), paid) for text in texts))
    assert (await shelf.cache.get(CALL)).text in texts
    assert (await shelf.size())[0] == 1


async def test_an_answer_is_forgotten_by_its_question(shelf: Shelf) -> None:
    await shelf.keep()
    await shelf.keep(asking("other"))
    assert [await shelf.cache.evict(CALL), await shelf.cache.evict(CALL)] == [1, 0]
    assert await shelf.cache.get(CALL) is None
    assert await shelf.cache.get(asking("other"))
    await shelf.size()


async def test_a_gate_behind_a_phase_forgets_what_the_phase_was_answered_in_whichever_run_paid(
    shelf: Shelf, database: Database
) -> None:
    paying, taking = [(await Past(database).run(rows=False)).id for _ in range(2)]
    paid = await shelf.paid(record("developer", pipeline_id=paying))
    await shelf.cache.put(CALL, ANSWER, paid)
    await shelf.keep(asking("of nobody"))
    hit = await shelf.cache.get(CALL)
    await shelf.recorder.cached(record("developer", pipeline_id=taking), hit.usage_id, hit.as_json())
    assert await shelf.cache.evict_of(taking, "qa") == 0
    assert await shelf.cache.evict_of(taking, "developer") == 1
    assert await shelf.cache.get(CALL) is None
    assert await shelf.cache.get(asking("of nobody"))


async def test_everything_is_forgotten(shelf: Shelf) -> None:
    for task in ("first", "second"):
        await shelf.keep(asking(task))
    assert await shelf.cache.clear() == 2
    assert await shelf.size() == (0, 0)


async def test_a_hit_has_a_ledger_row_that_took_nothing_and_names_who_paid(
    shelf: Shelf, database: Database
) -> None:
    run = (await Past(database).run(rows=False)).id
    paid = await shelf.keep()
    made = record(pipeline_id=run)
    usage_id = await shelf.recorder.cached(made, paid, {"text": ANSWER.text})
    async with database.transaction() as session:
        row = await session.get(PromptUsage, usage_id)
        kept = await session.get(ModelAnswer, usage_id)
        bill = await reports.total(session, run)
        saved = await reports.saved(session, 30)
        state = await cache_rows.state(session)
    assert state.entries == 1
    assert (row.outcome, row.cached_from, row.cost_usd, row.reserved_tokens) == ("ok", paid, 0, 0)
    assert kept.answer == {"text": ANSWER.text}
    assert (bill.calls, bill.tokens, bill.cost_usd, bill.unpriced, bill.open) == (1, Tokens(), 0, 0, 0)
    assert (saved.calls, saved.tokens, saved.cost_usd) == (1, SPENT, Decimal("0.01"))
    assert await shelf.recorder.stored_answer(made) == {"text": ANSWER.text}


async def test_the_ledger_and_the_cache_keep_an_answer_in_the_same_form(shelf: Shelf) -> None:
    await shelf.keep()
    hit = await shelf.cache.get(CALL)
    assert hit.as_json() == {"text": ANSWER.text, "model": ANSWER.model, "tokens": asdict(SPENT)}


async def test_pruning_removes_what_has_expired_and_what_a_smaller_cap_leaves_no_room_for(
    shelf: Shelf, database: Database
) -> None:
    for task in ("first", "second", "third"):
        await shelf.keep(asking(task))
    async with database.transaction() as session:
        gone = update(CachedAnswer).where(
            CachedAnswer.usage_id == select(func.min(CachedAnswer.usage_id)).scalar_subquery()
        )
        await session.execute(gone.values(expires_at=func.now()))
        assert await cached.preview(session) == Pruned(cached=1)
        assert await cached.prune_some(session, ROOMY) == Pruned(cached=1)
        assert await cached.prune_some(session, ROOMY) is None
    assert (await shelf.size())[0] == 2
    async with database.transaction() as session:
        assert await cached.prune_some(session, 1_000) == Pruned(cached=1)
        assert await cached.prune_some(session, 1_000) is None
    assert (await shelf.size())[0] == 1


async def test_pruning_sets_a_size_right_that_somebody_changed_by_hand(
    shelf: Shelf, database: Database
) -> None:
    await shelf.keep()
    async with database.transaction() as session:
        await session.execute(update(CacheSize).values(bytes=0))
        await cached.prune_some(session, ROOMY)
    assert (await shelf.size())[1] > ROW_BYTES
