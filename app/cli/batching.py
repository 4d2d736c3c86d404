"""Carries out `batch`: create it, work on it in this process, show how it goes and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from app.cli.backends import load_snapshot, profile_of, require_ready
from app.cli.batch_ending import as_json as batch_json
from app.cli.batch_ending import say_created, say_left, show_ending
from app.cli.batch_files import format_of, opened, write
from app.cli.batch_progress import BatchProgress
from app.cli.failures import Exit
from app.cli.find import find_batch
from app.cli.interruption import on_signal
from app.cli.opening import read_settings, with_services
from app.cli.options import BackendChoice
from app.cli.output import print_json, say, stderr, stdout
from app.cli.repository import given, project_for
from app.pipelines.batches import inputs
from app.pipelines.batches.service import BatchTerms
from app.pipelines.creation import NEEDS_PROJECT
from app.pipelines.snapshot import PolicyDraft, Snapshot
from app.services import Services
from app.settings import Settings
from app.tables import Batch, BatchState
from app.worker import create_worker

LOOK_S = 0.5


class Left(Exception):
    """The person did not want to wait for the end."""


@dataclass(frozen=True)
class BatchOrder:
    """Which inputs, what is to be done to them, and by which model."""

    file: Path
    definition: str
    column: str | None
    concurrency: int
    max_attempts: int
    repo: Path | None
    project: str | None
    backend: BackendChoice | None
    profile: str | None
    escalate_to_paid: bool | None
    fall_back_to_local: bool | None

    def terms(self, project: str | None, profile: str | None) -> BatchTerms:
        policy = PolicyDraft(
            escalate_to_paid=self.escalate_to_paid, fall_back_to_local=self.fall_back_to_local
        )
        return BatchTerms(self.definition, project, profile, policy, self.concurrency, self.max_attempts)


def run(order: BatchOrder, out: Path | None, *, detach: bool, as_json: bool) -> Exit:
    """A new batch of the inputs in a file."""
    form = format_of(order.file)
    settings = read_settings()

    async def create(services: Services) -> Batch:
        answers = profile_of(settings, order.backend, order.profile)
        snapshot = await load_snapshot(services, order.definition, answers)
        project = await _project(services, order, snapshot)
        await require_ready(services, snapshot, order.backend)
        terms = order.terms(project, answers)
        with opened(order.file) as file:
            return await services.batches.create(inputs.read(file, form, order.column), terms)

    if not detach:
        return _carry_out(settings, create, out, as_json=as_json)

    async def only_create(services: Services) -> Exit:
        batch = await create(services)
        if as_json:
            print_json(await batch_json(services, batch))
        else:
            say_created(batch, await services.pipelines.workers())
        return Exit.SUCCEEDED

    return with_services(settings, only_create)


def resume(text: str, out: Path | None, *, as_json: bool) -> Exit:
    """Go on with a batch that was left, or paused."""

    async def find(services: Services) -> Batch:
        batch = await services.batches.get(await find_batch(services, text))
        if batch.state == BatchState.PAUSED:
            batch = await services.batches.resume(batch.id)
        return batch

    return _carry_out(read_settings(), find, out, as_json=as_json)


def _carry_out(
    settings: Settings,
    get_batch: Callable[[Services], Awaitable[Batch]],
    out: Path | None,
    *,
    as_json: bool,
) -> Exit:
    form = format_of(out) if out is not None else None

    async def work(services: Services) -> Exit:
        batch = await get_batch(services)
        if not as_json:
            say_created(batch, None)
        try:
            batch = await _follow(services, batch, shown=not as_json)
        except Left:
            return say_left(batch.id)
        if form is not None:
            await write(services.database, batch.id, form, None, out)
        if as_json:
            print_json(await batch_json(services, batch))
        else:
            await show_ending(services, batch, out)
        return exit_code(batch)

    return with_services(settings, work)


def exit_code(batch: Batch) -> Exit:
    if batch.state != BatchState.FINISHED:
        return Exit.CANCELLED
    return Exit.FAILED if batch.dead else Exit.SUCCEEDED


async def _follow(services: Services, batch: Batch, *, shown: bool) -> Batch:
    """Work on it until it has its end or is paused. The first Ctrl-C drains, the second leaves at once."""
    leaving = asyncio.Event()

    try:
        with on_signal(leaving.set):
            async with at_work(services):
                ended = await _watch(services, batch, leaving, shown=shown)
    except asyncio.CancelledError:
        raise Left from None
    if ended is None:
        raise Left
    return ended


@asynccontextmanager
async def at_work(services: Services) -> AsyncIterator[None]:
    """A worker of this process, so that the settings of this command answer the runs it takes."""
    stop = asyncio.Event()
    worker = asyncio.create_task(create_worker(services).work(stop))
    try:
        yield
        stop.set()
        await worker
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def _watch(services: Services, batch: Batch, leaving: asyncio.Event, *, shown: bool) -> Batch | None:
    """None: the person leaves."""
    with BatchProgress(stdout(), batch) if shown else nullcontext() as progress:
        while not leaving.is_set():
            batch = await services.batches.get(batch.id)
            if progress:
                progress.update(batch)
            if batch.finished_at or (batch.state == BatchState.PAUSED and not batch.running):
                return batch
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), LOOK_S)
    # now that no bar is in the way
    say(stderr(), ("what is under way ends first; Ctrl-C again leaves at once", "yellow"))
    return None


async def _project(services: Services, order: BatchOrder, snapshot: Snapshot) -> str | None:
    needed = any(spec.kind in NEEDS_PROJECT or spec.apply for spec in snapshot.phases)
    if not needed and order.repo is None and order.project is None:
        return None
    return await project_for(services, repo=order.repo, name=order.project, changes=given())
