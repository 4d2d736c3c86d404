"""Works on a run in this process and shows how it goes, until it ends, pauses or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from rich.console import Console

from app.cli import view as views
from app.cli.failures import Exit
from app.cli.interruption import on_signal
from app.cli.invocation import command
from app.cli.output import say, stderr
from app.cli.progress import Progress
from app.cli.view import RunView
from app.errors import Conflict, WorkbenchError
from app.pipelines import events
from app.queue.signals import wait
from app.services import Services
from app.tables import State
from app.worker import work_on

LOOK_S = 2.0


class Left(Exception):
    """The person did not want to wait for the end."""


async def follow(services: Services, run_id: UUID, console: Console | None, *, seen: int = 0) -> RunView:
    """Until no worker has anything to do for the run. `seen`: number of the last event shown before.

    The first Ctrl-C asks to cancel, the second raises `Left`. Without a console nothing is shown.
    """
    cancelling: set[asyncio.Task[None]] = set()

    def cancel() -> None:
        say(stderr(), ("cancelling the run; Ctrl-C again leaves at once", "yellow"))
        cancelling.add(asyncio.create_task(_cancel(services, run_id)))

    try:
        with on_signal(cancel):
            async with working(services, run_id):
                return await _watch(services, run_id, console, seen)
    except asyncio.CancelledError:
        raise Left from None
    finally:
        await asyncio.gather(*cancelling, return_exceptions=True)


@asynccontextmanager
async def working(services: Services, run_id: UUID) -> AsyncIterator[None]:
    """Walks the run in this process, so that the settings of this command answer it."""
    stop = asyncio.Event()
    worker = asyncio.create_task(work_on(services, run_id, stop))
    try:
        yield
        stop.set()
        await worker
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def _watch(services: Services, run_id: UUID, console: Console | None, seen: int) -> RunView:
    if console is None:
        return await _until_still(services, run_id, None, seen)
    with Progress(console) as progress:
        if seen:
            progress.skip(await views.read(services, run_id))
        return await _until_still(services, run_id, progress, seen)


async def _until_still(services: Services, run_id: UUID, progress: Progress | None, seen: int) -> RunView:
    async with services.signals.watch(run_id) as changed:
        while True:
            view = await views.read(services, run_id)
            if progress:
                async with services.database.transaction() as session:
                    new = await events.since(session, run_id, seen)
                seen = new[-1].seq if new else seen
                progress.update(view, new)
            if view.run.state not in (State.QUEUED, State.RUNNING):
                return view
            await wait(changed, LOOK_S)


async def _cancel(services: Services, run_id: UUID) -> None:
    try:
        await services.pipelines.cancel(run_id)
    except Conflict as refused:
        say(stderr(), (refused.message, "yellow"))
    except WorkbenchError as error:
        say(stderr(), ("could not cancel: ", "red"), error.message)


def exit_code(view: RunView) -> Exit:
    match State(view.run.state):
        case State.FAILED:
            return Exit.FAILED
        case State.CANCELLED:
            return Exit.CANCELLED
        case State.WAITING:
            return Exit.STOPPED
        case State.PAUSED if view.run.reason != "step":
            return Exit.STOPPED
    return Exit.SUCCEEDED


def say_left(run_id: UUID) -> Exit:
    say(stderr(), ("left the run ", "yellow"), str(run_id), "; it is being cancelled")
    say(stderr(), "see what became of it: ", command("show", str(run_id)))
    return Exit.CANCELLED
