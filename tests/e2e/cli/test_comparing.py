"""`models compare-channels`: one task in both channels for code, asked of a server over a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from app.artifacts.registry import schema
from app.llm.channels import channel
from tests.e2e.cli.command import Done, Process
from tests.stub import Stub
from tests.stub.shapes import Shape
from tests.unit.llm.channels.deliverables import code_file

SCHEMA = schema("DeveloperDeliverable").json_schema()
FILES = {"files": [code_file("shop/orders.py")], "dependencies": [], "test_files": []}
IN_JSON, IN_BLOCKS = (Shape(channel(name).write(FILES, SCHEMA)) for name in ("json", "blocks"))
COMPARE = ("models", "compare-channels")
LAST = """
    SELECT role, phase, item, outcome, pipeline_id FROM pipeline_prompt_usage ORDER BY id DESC LIMIT 2
"""


async def run(process: Process, *arguments: str, **environment: str) -> Done:
    return await asyncio.to_thread(process, *COMPARE, *arguments, **environment)


def last_calls(surroundings: dict[str, str]) -> list[Any]:
    with psycopg.connect(surroundings["WORKBENCH_DATABASE_URL"]) as connection:
        return connection.execute(LAST).fetchall()


async def test_a_table_shows_what_each_channel_did_and_which_did_better(
    process: Process, surroundings: dict[str, str]
) -> None:
    script = [IN_JSON, IN_BLOCKS, IN_BLOCKS, Shape(text="Sure! Here is the code."), IN_JSON]
    async with Stub("ollama", script=script) as stub:
        done = await run(process, "ollama-fast", "--rounds", "2", WORKBENCH_OLLAMA_HOST=stub.url)
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[1][:9] == [
        "channel",
        "valid",
        "at",
        "once",
        "re-asks",
        "tokens",
        "out",
        "median",
        "failures",
    ]
    assert lines[2][:4] == ["json", "2/2", "1/2", "1"]
    assert lines[3][:4] == ["blocks", "2/2", "2/2", "0"]
    assert lines[3][-1] == "best"
    assert "models set ollama-fast --code-channel blocks" in done.out
    assert "ollama-fast  json, round 1 of 2: call 1 of 4" in done.err
    bound = ["format" in request.body for request in stub.requests]
    assert bound == [True, False, False, True, True]
    assert last_calls(surroundings) == [
        ("developer", "compare", "json", "ok", None),
        ("developer", "compare", "json", "invalid_answer", None),
    ]


async def test_where_nothing_was_valid_the_command_fails_and_says_why(process: Process) -> None:
    async with Stub("ollama", "404") as stub:
        done = await run(process, "ollama-fast", "--rounds", "1", WORKBENCH_OLLAMA_HOST=stub.url)
    assert done.code == 1
    assert "1 model_not_found" in done.out
    assert "model_not_found: " in done.out
    assert "neither channel did better" in done.out


async def test_a_paid_model_is_asked_only_when_somebody_agreed_to_what_it_may_cost(process: Process) -> None:
    async with Stub("anthropic", script=[IN_JSON, IN_BLOCKS]) as stub:
        at = {"WORKBENCH_ANTHROPIC_BASE_URL": stub.url, "WORKBENCH_ANTHROPIC_API_KEY": "sk-test"}
        asked = await run(process, "claude", "--rounds", "1", "--json", **at)
        assert stub.seen == []
        agreed = await run(process, "claude", "--rounds", "1", "--json", "--yes", **at)
    assert (asked.code, asked.out) == (1, "")
    assert "2 questions to claude" in asked.err
    assert "at most" in asked.err
    assert "--yes" in asked.err
    assert agreed.code == 0, agreed.err
    assert f"cost ${agreed.json['most_usd']:.2f} at most" in agreed.err
    found = {one["channel"]: one for one in agreed.json["channels"]}
    assert {name: (one["valid"], one["failures"]) for name, one in found.items()} == {
        "json": (1, {}),
        "blocks": (1, {}),
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody",), 1, "no model profile 'nobody'; there are: claude"),
        (("ollama-fast", "--rounds", "0"), 2, "rounds"),
        (("ollama-fast", "--epic", " "), 1, "the epic is empty"),
        (("ollama-fast", "--epic", "@no such file"), 1, "can not be read"),
        (("claude", "--yes"), 1, "WORKBENCH_ANTHROPIC_API_KEY"),
    ],
)
async def test_what_can_not_be_compared_is_said(
    process: Process, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = await run(process, *arguments)
    assert done.code == code
    assert words in done.err


async def test_with_model_calls_switched_off_nothing_is_sent(process: Process) -> None:
    async with Stub("ollama") as stub:
        off = {"WORKBENCH_OLLAMA_HOST": stub.url, "WORKBENCH_LLM_DISABLED": "true"}
        done = await run(process, "ollama-fast", **off)
        assert stub.seen == []
    assert done.code == 1
    assert "WORKBENCH_LLM_DISABLED" in done.err
