"""What an answer amounts to while it comes in, and how much of it may come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from app.llm.backends.bodies import MAX_BODY, MAX_EVENT, UnfitBody, capped
from app.llm.backends.claude_reply import take_event, take_message
from app.llm.backends.counts import ESTIMATED
from app.llm.backends.ollama_reply import take_part
from app.llm.backends.openai_reply import take_chunk, take_completion
from app.llm.backends.received import Received, Repeats
from app.llm.errors import InvalidAnswer
from app.llm.types import JSON, Call, Message, Profile
from app.usage.tokens import Tokens

CALL = Call(Profile("p", "openai", "tiny"), "You judge.", [Message("user", "x" * 350)], "s", {})


def received(text: str = "", thinking: str = "", usage: Tokens | None = None) -> Received:
    made = Received(usage=usage)
    made.text.add(text)
    made.thinking.add(thinking)
    return made


def test_thinking_has_its_share_of_the_output_by_length() -> None:
    answer = received("y" * 70, "x" * 30, Tokens(input=9, output=50)).answer(CALL, ())
    assert (answer.tokens, answer.thinking_estimated) == (Tokens(input=9, output=50, thinking=15), True)


def test_a_count_of_the_server_is_never_replaced() -> None:
    counted = Tokens(input=9, output=50, thinking=40)
    answer = received("y" * 70, "x" * 30, counted).answer(CALL, ())
    assert (answer.tokens, answer.thinking_estimated, answer.weakened) == (counted, False, ())


def test_thinking_that_is_the_answer_is_no_thinking() -> None:
    answer = received(" \n", '{"a": 1}', Tokens(output=5)).answer(CALL, ())
    assert (answer.text, answer.tokens.thinking, answer.thinking_estimated) == ('{"a": 1}', 0, False)


def test_without_counts_prompt_and_all_that_came_are_estimated() -> None:
    answer = received("y" * 35, "x" * 35).answer(CALL, ("lost",))
    assert answer.tokens == Tokens(input=103, output=20, thinking=10)
    assert answer.weakened == ("lost", ESTIMATED)


def test_what_the_server_counted_at_the_start_goes_before_an_estimate() -> None:
    part = received("y" * 35)
    part.started = Tokens(input=4, cache_read=500, output=1)
    assert part.tokens(CALL) == Tokens(input=4, cache_read=500, output=10)
    part.started = Tokens(input=4, output=77)
    assert part.tokens(CALL).output == 77


def test_a_loop_costs_what_the_server_counted_along_the_way() -> None:
    part = received("y" * 35, usage=Tokens(input=4, output=1_200))
    error = part.loop(CALL, paid=False)
    assert (error.tokens, error.reply_lost) == (Tokens(input=4, output=1_200), False)
    assert part.loop(CALL, paid=True).reply_lost


def test_a_loop_in_the_input_of_a_tool_is_seen_as_well() -> None:
    with pytest.raises(Repeats):
        Received().arguments.add('{"a": 1},' * 1_000)


def test_a_tool_that_was_called_twice_gave_no_answer_and_keeps_the_bill() -> None:
    twice = Received(calls=2, usage=Tokens(output=9))
    with pytest.raises(InvalidAnswer) as caught:
        twice.answer(CALL, ())
    assert caught.value.tokens == Tokens(output=9)


JUNK = [None, 7, "x", [], {}, [1], {"x": 1}, [{"index": "x"}], [None], True]
FIELDS = (
    "type",
    "message",
    "delta",
    "usage",
    "content_block",
    "content",
    "choices",
    "model",
    "tool_calls",
    "done",
)


@pytest.mark.parametrize("take", [take_event, take_message, take_chunk, take_completion, take_part])
def test_a_reply_of_no_known_form_is_no_fault_of_ours(take: Callable[[Received, JSON], object]) -> None:
    kinds = ["message_start", "content_block_start", "content_block_delta", "message_delta"]
    for junk in JUNK:
        for kind in kinds:
            body = dict.fromkeys(FIELDS, junk) | {"type": kind, "done": True}
            nested = {"choices": [{"delta": body, "message": body}], "message": body, "content": [body]}
            for reply in (body, body | nested, {name: body for name in FIELDS}):
                made = Received()
                take(made, reply)
                assert isinstance(made.answer(CALL, ()).text, str) or made.calls > 1


SSE, LINES, WHOLE = (
    {"content-type": kind}
    for kind in ("text/event-stream; charset=utf-8", "application/x-ndjson", "application/json")
)


async def read(headers: dict[str, str], *chunks: bytes) -> int:
    async def come() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return sum([len(chunk) async for chunk in capped(come(), headers)])


@pytest.mark.abuse(40)
@pytest.mark.parametrize("headers", [SSE, LINES])
async def test_an_event_that_does_not_end_is_left_at_its_bound(headers: dict[str, str]) -> None:
    with pytest.raises(UnfitBody, match="event of the stream"):
        await read(headers, *[b"x" * 60_000] * (MAX_EVENT // 60_000 + 1))


@pytest.mark.abuse(40)
async def test_lines_that_never_end_their_event_are_left_as_well() -> None:
    with pytest.raises(UnfitBody, match="event of the stream"):
        await read(SSE, *[b"data: x\n" * 10_000] * 14)


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        (SSE, [b"x" * 500_000 + b"\n", b"\n" + b"x" * 500_000 + b"\r\n\r", b"\n" + b"x" * 500_000]),
        (LINES, [b"x" * 900_000 + b"\n"] * 5),
        (WHOLE, [b"x" * 900_000] * 5),
    ],
)
async def test_many_events_and_a_long_body_are_read(headers: dict[str, str], chunks: list[bytes]) -> None:
    assert await read(headers, *chunks) == sum(map(len, chunks))


@pytest.mark.abuse(40)
async def test_a_body_is_left_at_its_bound_however_it_comes() -> None:
    for headers in (SSE, LINES, WHOLE):
        with pytest.raises(UnfitBody, match="reply"):
            await read(headers, *[b"x" * 99_998 + b"\n\n"] * (MAX_BODY // 100_000 + 1))
