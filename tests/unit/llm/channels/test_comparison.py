"""The same task in every channel, asked of a backend over the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.artifacts.registry import schema
from app.errors import SchemaMismatch
from app.llm.backends import create_backends
from app.llm.channels import channel
from app.llm.channels.channel import Channel
from app.llm.channels.comparison import Ask, Asked, Comparison, Tally, compare
from app.llm.errors import InvalidAnswer, MissingKey
from app.llm.types import Backend, Call, Message, Profile
from app.settings import Settings
from app.usage.tokens import Tokens
from tests.stub import Stub
from tests.stub.shapes import Shape
from tests.unit.llm.channels.deliverables import code_file

DELIVERABLE = schema("DeveloperDeliverable")
SCHEMA = DELIVERABLE.json_schema()
DOCUMENT = {"files": [code_file("a.py")], "dependencies": [], "test_files": [], "migration_scripts": []}
PROFILE = Profile("small", "openai", "tiny")


def asks(backend: Backend) -> Ask:
    """Asks the backend, and once more with the faults."""

    async def ask(channel: Channel, number: int) -> Asked:
        messages = [Message("user", channel.instructions(SCHEMA))]
        output = 0
        for reasks in range(2):
            answer = await backend.answer(Call(PROFILE, "", messages, "code", SCHEMA))
            output += answer.tokens.output
            try:
                DELIVERABLE.validate(channel.read(answer.text, SCHEMA))
            except (InvalidAnswer, SchemaMismatch) as fault:
                messages += [Message("assistant", answer.text), Message("user", "\n".join(fault.errors))]
            else:
                return Asked(reasks, output)
        raise InvalidAnswer("no valid answer", tokens=Tokens(output=output))

    return ask


async def compared(script: Sequence[Shape], rounds: int) -> tuple[Comparison, Stub]:
    async with Stub("openai", script=script) as stub:
        backend = create_backends(Settings(_env_file=None, openai_base_url=stub.url))["openai"]
        seconds: Iterator[int] = iter(range(100))
        try:
            return await compare(asks(backend), rounds, clock=lambda: float(next(seconds))), stub
        finally:
            await backend.close()


def shape(name: str, output: int, cut: int | None = None, **more: Any) -> Shape:
    text = channel(name).write(DOCUMENT, SCHEMA)
    return Shape(text[:cut], tokens=Tokens(input=10, output=output), **more)


async def test_each_channel_is_tallied_and_the_first_one_changes_each_round() -> None:
    script = [
        shape("json", 50),
        shape("blocks", 20, cut=-12), shape("blocks", 30),
        shape("blocks", 30),
        shape("json", 8, stop="length"),
    ]  # fmt: skip
    found, stub = await compared(script, rounds=2)
    assert found.tallies == (
        Tally("json", 2, 1, 1, 0, 58, (1.0, 1.0), {"truncated": 1}),
        Tally("blocks", 2, 2, 1, 1, 80, (1.0, 1.0), {}),
    )
    assert found.best == "blocks"
    assert found.tallies[0].median_s == 1.0
    assert "is not closed" in stub.requests[2].body["messages"][-1]["content"]


async def test_answers_that_stay_wrong_are_a_failure_with_their_bill() -> None:
    wrong = [Shape("{}", tokens=Tokens(output=5))] * 4
    found, _ = await compared(wrong, rounds=1)
    assert [(one.valid, one.output_tokens, one.failures) for one in found.tallies] == [
        (0, 10, {"invalid_answer": 1})
    ] * 2
    assert found.best is None


async def test_no_channel_is_best_when_nothing_tells_them_apart() -> None:
    async def ask(channel: Channel, number: int) -> Asked:
        return Asked(0, 7)

    assert (await compare(ask, 3)).best is None
    assert (await compare(ask, 0)).best is None


async def test_a_missing_key_ends_the_comparison() -> None:
    async def ask(channel: Channel, number: int) -> Asked:
        raise MissingKey("set a key")

    with pytest.raises(MissingKey):
        await compare(ask, 3)
