"""What `LLMCaller` adds to the SDK's own call on loopback: limits, the ledger, the kept answer, judging."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from uuid import UUID, uuid4

import openai
import psycopg

from app.artifacts.rows import row_schema
from app.db import Database
from app.limits.limits import CallLimits
from app.llm.backends import create_backends
from app.llm.backends.openai_request import request_body
from app.llm.caller import LLMCaller
from app.llm.dialects.translate import to_dialect
from app.llm.health import Circuits
from app.llm.request import Request
from app.llm.types import Call, CallKey, Message, Profile
from app.queue.listener import Listener
from app.settings import ROOT, Settings
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.server import Server

ADDED = Target(at_most=3)
OURS = "LLMCaller"
SDK = "OpenAI SDK"
SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}, "score": {"type": "integer"}},
}
PROFILE = Profile("tiny", "openai", "tiny")
RUN = """
    INSERT INTO definition_snapshots (sha256, body) VALUES (repeat('a', 64), '{}');
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, target, position, round,
                           attempts, fence, event_count, priority)
      VALUES ('RUN', 'e', 'd', repeat('a', 64), 'created', 'end', 0, 0, 0, 0, 0, 2)
"""


@dataclass(frozen=True)
class Size:
    calls: int
    """Of each kind, in turn; the first tenth is not counted."""


FULL = Size(calls=500)
QUICK = Size(calls=20)


async def overhead(server: Server, size: Size, log: Callable[[str], None]) -> list[Figure]:
    """Latencies in milliseconds of the same question, asked three ways in turn."""
    log(f"overhead: {size.calls} calls of each kind")
    with server.database("overhead") as url:
        database = Database(url)
        await database.migrate()
        try:
            async with _stub() as stub:
                took = await _measure(database, url, stub, size)
        finally:
            await database.close()
    return [*_latencies(took), *_added(took)]


def _latencies(took: dict[str, list[float]]) -> list[Figure]:
    found = []
    for name, each in took.items():
        found.append(Figure("overhead", name, "p50", median(each), "ms"))
        found.append(Figure("overhead", name, "p95", quantiles(each, n=20)[-1], "ms"))
    return found


def _added(took: dict[str, list[float]]) -> list[Figure]:
    """Each call beside the bare one just before it: what disturbs the machine disturbs both."""
    added = [ours - bare for ours, bare in zip(took[OURS], took[f"{SDK}, streamed"], strict=True)]
    return [Figure("overhead", OURS, "added to the SDK's streamed call, p50", median(added), "ms", ADDED)]


async def _measure(database: Database, url: str, stub: str, size: Size) -> dict[str, list[float]]:
    run = uuid4()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(RUN.replace("RUN", str(run)).encode())
    settings = Settings(_env_file=None, openai_base_url=stub)
    backends = create_backends(settings)
    listener = Listener(url)
    limits = CallLimits(database, listener, wait_s=60)
    caller = LLMCaller(
        settings,
        backends,
        UsageRecorder(database),
        limits=limits,
        circuits=Circuits(),
        prices=PriceBook(database),
    )
    client = openai.AsyncOpenAI(base_url=stub, api_key="none", max_retries=0)
    ways: dict[str, Callable[[int], Awaitable[object]]] = {
        f"{SDK}, whole": lambda number: client.chat.completions.create(**_body(number)),
        f"{SDK}, streamed": lambda number: _streamed(client, number),
        OURS: lambda number: caller.ask(_request(run, number)),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for number in range(size.calls + size.calls // 10):
            for name, ask in ways.items():
                started = time.perf_counter()
                await ask(number)
                took[name].append((time.perf_counter() - started) * 1_000)
    finally:
        await client.close()
        await limits.close()
        await listener.close()
        await backends["openai"].close()
    return {name: each[size.calls // 10 :] for name, each in took.items()}


async def _streamed(client: openai.AsyncOpenAI, number: int) -> str:
    body = {**_body(number), "stream": True, "stream_options": {"include_usage": True}}
    parts = [chunk async for chunk in await client.chat.completions.create(**body)]
    return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


def _body(number: int) -> dict[str, object]:
    messages = (Message("user", f"Judge number {number}."),)
    call = Call(PROFILE, "You judge.", messages, "verdict", SCHEMA)
    return request_body(call, to_dialect(SCHEMA, "llamacpp").schema, local=True)


def _request(run: UUID, number: int) -> Request:
    async def repair(errors: Sequence[str]) -> str:
        return "; ".join(errors)

    return Request(
        profile=PROFILE,
        role="judge",
        system="You judge.",
        task=f"Judge number {number}.",
        schema=row_schema("verdict", {"type": "object"}),
        key=CallKey(phase="judge", item=str(number)),
        prompt_digest="a" * 64,
        repair=repair,
        pipeline_id=run,
        may_be_stored=False,  # the first try of a phase
    )


@asynccontextmanager
async def _stub() -> AsyncIterator[str]:
    """A server in a process of its own, so that its work is not counted as ours."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stub", "--protocol", "openai", "--seconds", "300",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()
