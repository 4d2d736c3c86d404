"""Workers of this process, made of its services."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from uuid import UUID

from app.pipelines.batches.feeder import Feeder
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.reprobing import Reprober
from app.pipelines.schedules.ticking import Ticker
from app.pipelines.work import Patience
from app.seeding.files import load_probes
from app.services import Services
from app.usage import daily
from app.usage.budget import defaults_of
from app.worker.chore import Chore
from app.worker.worker import Worker, worker_name

PRUNE_LOOK_S = 60.0
REPROBE_LOOK_S = 600.0
PUSH_LOOK_S = 30.0
ADD_UP_S = 600.0
"""How often the ledger is added up."""


def create_orchestrator(services: Services, name: str) -> PhaseExecutionOrchestrator:
    settings = services.settings
    terms = LeaseTerms(settings.lease_s, settings.max_attempts, patience=Patience(drain_s=settings.drain_s))
    return PhaseExecutionOrchestrator(services.database, services.kinds, name, terms, services.listener)


def create_worker(services: Services) -> Worker:
    """A worker of this process, not started yet."""
    settings = services.settings
    name = worker_name()
    orchestrator = create_orchestrator(services, name)
    feeder = Feeder(services.database, services.pipelines, defaults=defaults_of(settings))
    ticker = Ticker(services.database, services.pipelines.pin, services.renderer)
    reprober = Reprober(
        settings,
        services.database,
        services.backends,
        services.prober,
        services.capabilities,
        load_probes,
    )
    chores = (
        Chore("batches", feeder.rest_s, feeder.tick, hurry=orchestrator.batch_run_ended),
        Chore("schedules", ticker.rest_s, ticker.tick),
        Chore("retention", PRUNE_LOOK_S, services.pruner.tick),
        Chore("probes", REPROBE_LOOK_S, reprober.tick),
        Chore("pushes", PUSH_LOOK_S, services.pusher.tick),
        Chore("usage", ADD_UP_S, partial(daily.add_up, services.database)),
    )
    concurrency = settings.worker_concurrency
    return Worker(services.database, services.listener, orchestrator, name, concurrency, chores)


async def work_on(services: Services, pipeline_id: UUID, stop: asyncio.Event) -> None:
    """Walk one run in this process, with this process's settings, until it wants no worker.

    A run that is started with no wake-up is answered here; should this process die, the sweep of
    another worker finds the run.
    """
    orchestrator = create_orchestrator(services, worker_name())
    try:
        while (again := await orchestrator.handle(pipeline_id, stop)) is not None and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), again.total_seconds())
    finally:
        await orchestrator.close()
