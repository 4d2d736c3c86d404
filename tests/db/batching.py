"""Batches on the engine of small parts: a definition that ends at once, and feeders that do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.db import Database
from app.errors import WorkbenchError
from app.pipelines.batches.feeder import Feeder
from app.pipelines.batches.service import BatchService, BatchTerms
from app.pipelines.definition import Phase
from app.pipelines.phases.kind import PhaseContext, PhaseKind, PhaseResult
from app.tables import Batch, BatchItem, ItemState, Pipeline
from app.worker import Worker
from app.worker.chore import Chore
from tests.db.scripted import THING, Engine, thing

LEDGER = """
    INSERT INTO pipeline_prompt_usage (pipeline_id, phase, item, round, step, backend, profile, model, role,
      prompt_digest, request_digest, reserved_tokens, reserved_usd, cost_usd, price_version, outcome,
      settled_at)
    SELECT :run, 'a', '', 0, step, 'b', 'p', 'm', 'r', repeat('a', 64), repeat('a', 64), 1, reserved, cost,
      'v', outcome, settled
    FROM (VALUES (0, 9, 0.25, 'ok', now()), (1, 0.125, NULL, 'open', NULL))
      AS calls (step, reserved, cost, outcome, settled)
"""
"""Two calls of `:run`: one cost 0.25, one has no reply and reserved 0.125."""


class Down(WorkbenchError):
    code = "backend_down"


class Wrong(WorkbenchError):
    code = "request_refused"


async def classify(context: PhaseContext) -> PhaseResult:
    """Fails as the input says, else names its length."""
    if context.epic_description.startswith("down"):
        raise Down("nobody answers")
    if context.epic_description.startswith("wrong"):
        raise Wrong("the server says no")
    return thing(length=len(context.epic_description))


@dataclass
class Bench:
    """One definition, and everything that a batch needs but a worker."""

    engine: Engine
    batches: BatchService

    @property
    def database(self) -> Database:
        return self.engine.database

    def feeder(self) -> Feeder:
        """Another process's; it tries failed items again at once."""
        return Feeder(self.database, self.engine.service, draw=lambda ceiling_s: 0.0)

    def worker(self, name: str, lease_s: float = 60) -> Worker:
        """It looks after batches, as every worker of the service does."""
        orchestrator = self.engine.orchestrator(name, lease_s=lease_s)
        chore = Chore("batches", 1.0, self.feeder().tick, hurry=orchestrator.batch_run_ended)
        return Worker(self.database, self.engine.listener, orchestrator, name, 8, (chore,))

    async def use(self, kind: PhaseKind) -> None:
        """The definition `small` is one phase of this kind."""
        self.engine.kinds["kind"] = kind
        await self.engine.define(Phase(name="a", kind="kind", **THING))

    async def create(self, inputs: Sequence[str], **terms: Any) -> Batch:
        return await self.batches.create(iter(inputs), BatchTerms(definition="small", **terms))

    async def runs(self, batch: Batch, *states: str) -> list[UUID]:
        """In the order in which they were queued."""
        query = select(Pipeline.id).where(Pipeline.batch_id == batch.id).order_by(Pipeline.created_at)
        async with self.database.transaction() as session:
            return list(await session.scalars(query.where(Pipeline.state.in_(states)) if states else query))

    async def work(self, batch: Batch, feeder: Feeder | None = None) -> Batch:
        """Walk and feed by turns until the batch has its end."""
        feeder = feeder or self.feeder()
        while (batch := await self.batches.get(batch.id)).finished_at is None:
            for run in await self.runs(batch, "queued"):
                await self.engine.walk(await self.engine.service.get(run))
            await feeder.tick()
        return batch

    async def until_finished(self, batch: Batch) -> Batch:
        """While others work."""
        while (batch := await self.batches.get(batch.id)).finished_at is None:  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.02)
        return batch

    async def items(self, batch: Batch) -> list[BatchItem]:
        async with self.database.transaction() as session:
            query = select(BatchItem).where(BatchItem.batch_id == batch.id)
            return list(await session.scalars(query.order_by(BatchItem.number)))

    async def states(self, batch: Batch) -> list[str]:
        return [item.state for item in await self.items(batch)]

    async def counts_are_true(self, batch: Batch) -> bool:
        states = await self.states(batch)
        row = await self.batches.get(batch.id)
        return [getattr(row, state) for state in ItemState] == [states.count(state) for state in ItemState]

    async def execute(self, statement: str, **values: Any) -> Any:
        async with self.database.transaction() as session:
            return await session.execute(text(statement), values)
