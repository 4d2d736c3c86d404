"""An engine of small parts: phase kinds that end as a test says, and definitions made of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.db import Database
from app.pipelines import definitions, events, leases, store
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.definition import Definition, Phase
from app.pipelines.leases import Held
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseKind, PhaseResult
from app.pipelines.rows import RowSource
from app.pipelines.service import PipelineService
from app.pipelines.work import Patience
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.queue.listener import Listener
from app.queue.signals import Signals
from app.tables import ArtifactSchema, Event, Outcome, PhaseRun, Pipeline
from app.worker import Worker

LIMIT_S = 30
"""No test waits longer for an event that has to come."""
PASS = PhaseResult(Outcome.PASSED)
WRITTEN = ("pipelines", "phase_runs", "events", "artifacts", "waits", "commit_intents", "pgqueuer")
Run = Callable[[PhaseContext], Awaitable[PhaseResult]]


class Scripted:
    """Ends as its results say, one after the other, and keeps every context it got."""

    def __init__(self, *results: PhaseResult | Exception) -> None:
        self._results = list(results)
        self.seen: list[PhaseContext] = []

    async def run(self, context: PhaseContext) -> PhaseResult:
        self.seen.append(context)
        result = self._results.pop(0) if self._results else PASS
        if isinstance(result, Exception):
            raise result
        return result

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return []


class Gate(Scripted):
    """Stops inside the phase until the test opens it."""

    def __init__(self, *results: PhaseResult | Exception) -> None:
        super().__init__(*results)
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.stopped = False
        """The phase was cancelled while it waited."""

    async def run(self, context: PhaseContext) -> PhaseResult:
        result = await super().run(context)
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return result


class Doing(Scripted):
    """Runs the function it is given."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    async def run(self, context: PhaseContext) -> PhaseResult:
        self.seen.append(context)
        return await self._run(context)


@dataclass
class Engine:
    """What runs need, with no worker but the ones a test makes."""

    database: Database
    listener: Listener
    service: PipelineService
    kinds: dict[str, PhaseKind] = field(default_factory=dict)

    async def define(self, *phases: Phase, name: str = "small") -> None:
        async with self.database.transaction() as session:
            definition = Definition(name=name, description="A definition of a test", phases=phases)
            await definitions.save(session, definition, self.kinds, by_person=True)

    async def create(self, *kinds: PhaseKind, **options: Any) -> Pipeline:
        """A run whose phases are these kinds, in this order, named a, b, c…"""
        phases = []
        for letter, kind in zip("abcdefgh", kinds, strict=False):
            self.kinds[f"kind-{letter}"] = kind
            phases.append(Phase(**{"name": letter, "kind": f"kind-{letter}", **options.get(letter, {})}))
        await self.define(*phases)
        return await self.service.create("An epic", definition="small")

    async def queued(self, *kinds: PhaseKind, **options: Any) -> Pipeline:
        run = await self.create(*kinds, **options)
        return await self.service.start(run.id)

    def orchestrator(
        self,
        worker: str = "w",
        lease_s: float = 60,
        attempts: int = 5,
        *,
        listening: bool = False,
        patience: Patience | None = None,
    ) -> PhaseExecutionOrchestrator:
        terms = LeaseTerms(lease_s, attempts, patience=patience or Patience())
        listener = self.listener if listening else None
        return PhaseExecutionOrchestrator(self.database, self.kinds, worker, terms, listener)

    async def take(self, run: Pipeline, worker: str = "w") -> Held | None:
        """The lease alone, with nobody who walks."""
        async with self.database.connection() as connection:
            return await leases.take(connection, run.id, worker, 60)

    async def taken(self, run: Pipeline, worker: str = "w") -> Held:
        held = await self.take(run, worker)
        assert held is not None, "somebody else holds it"
        return held

    async def expire(self, run: Pipeline) -> None:
        """The lease's time is up, as if its worker had been frozen or dead for that long."""
        past = "UPDATE pipelines SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = %s"
        async with self.database.connection() as connection:
            await connection.execute(past, (run.id,))

    async def everything(self) -> list[object]:
        """All that a walk writes, in an order that does not change."""
        rows: list[object] = []
        async with self.database.connection() as connection:
            for table in WRITTEN:
                query = f"SELECT to_jsonb({table}) FROM {table} ORDER BY to_jsonb({table})::text"  # noqa: S608
                rows += await (await connection.execute(query.encode())).fetchall()
        return rows

    async def walk(self, run: Pipeline, **terms: Any) -> Pipeline:
        """Use one wake-up for the run."""
        await self.orchestrator(**terms).handle(run.id, asyncio.Event())
        return await self.service.get(run.id)

    def worker(self, name: str = "w", **terms: Any) -> Worker:
        return Worker(self.database, self.listener, self.orchestrator(name, **terms), name, 8)

    async def phase_runs(self, pipeline_id: UUID) -> list[PhaseRun]:
        async with self.database.transaction() as session:
            return list(await store.phase_runs(session, pipeline_id))

    async def outcomes(self, pipeline_id: UUID) -> list[tuple[str, str]]:
        return [(run.phase, run.outcome) for run in await self.phase_runs(pipeline_id)]

    async def events(self, pipeline_id: UUID) -> list[Event]:
        async with self.database.transaction() as session:
            return list(await events.since(session, pipeline_id, 0))


@asynccontextmanager
async def open_engine(database: Database) -> AsyncIterator[Engine]:
    """An engine with the one prompt that every snapshot holds, and one schema `row:thing`."""
    async with database.transaction() as session:
        session.add(ArtifactSchema(id="thing", description="Anything", json_schema={"type": "object"}))
        await prompts.add(session, Prompt("repair", "s", "t", ()), message="first", by="test")
        await prompts.move_label(session, "repair", prompts.PRODUCTION, 1, by="test")
    listener = Listener(database.url)
    loader = ConfigurationLoader(RowSource())
    try:
        yield Engine(database, listener, PipelineService(database, loader, Signals(listener)))
    finally:
        await listener.close()


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    """The workers at work until the block ends."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(worker.work(stop)) for worker in workers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def soon(awaitable: Awaitable[Any]) -> Any:
    """Its result, within the limit."""
    return await asyncio.wait_for(awaitable, LIMIT_S)


async def until(condition: Callable[[], object]) -> None:
    """Looks again and again, in a thread, until the condition holds or the limit is over."""
    async with asyncio.timeout(LIMIT_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - what other processes do sets no event
            await asyncio.sleep(0.02)


def thing(**body: Any) -> PhaseResult:
    """A pass with an artifact of the schema `row:thing`."""
    return PhaseResult(Outcome.PASSED, artifact=body)


THING = {"artifact": "thing", "schema": "row:thing"}
"""Options of a phase that makes the artifact `thing`."""


def rejected(*issues: str, outcome: Outcome = Outcome.REJECTED, **artifact: Any) -> PhaseResult:
    return PhaseResult(
        outcome, artifact=artifact or None, issues=tuple({"source": "b", "text": text} for text in issues)
    )
