"""The application: `create` makes it, its lifespan starts the services and one worker and takes them down."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from fastapi import FastAPI

from app import __version__, logs, tokens
from app.api import greeting, surface
from app.api.context import Context
from app.api.origin import check_bind
from app.errors import WorkbenchError
from app.services import Services, open_services
from app.settings import Settings, unknown_names
from app.worker import create_worker
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.selftest import SelfTest

log = logging.getLogger(__name__)

DESCRIPTION = "An epic goes in, a tested commit comes out."


def create(settings: Settings | None = None) -> FastAPI:
    """The application, not started. Raises `Invalid` when it would stand open to others."""
    settings = settings or Settings()
    if not logging.getLogger().handlers:
        logs.configure(settings.log_level)
    check_bind(settings)
    context = Context(settings)
    app = FastAPI(
        title="Workbench",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _running(context),
    )
    surface.mount(app, context)
    return app


@asynccontextmanager
async def _running(context: Context) -> AsyncIterator[None]:
    """Open, work, drain, close."""
    try:
        async with open_services(context.settings) as services:
            await _prepare(services)
            context.services = services
            context.probing = asyncio.create_task(_probe(services.sandbox))
            context.working = asyncio.create_task(create_worker(services).work(context.stopping))
            context.working.add_done_callback(_report)
            greeting.greet(context.settings, unknown_names())
            with _on_signal(context.stopping):
                yield
            await _drain(context)
    except WorkbenchError as error:
        context.failure = error.message
        raise


async def _prepare(services: Services) -> None:
    """The first token, and the checkout as a project."""
    settings = services.settings
    await services.register_self()
    async with services.database.transaction() as session:
        first = await tokens.ensure_first(session, settings.state_dir) if settings.auth == "on" else None
    if first is not None:
        greeting.show_first_token(first, settings.state_dir)


async def _probe(sandbox: Sandbox) -> SelfTest:
    tested = await sandbox.self_test()
    log.log(logging.INFO if tested.ok and tested.mode != "none" else logging.WARNING, "%s", tested.summary())
    return tested


async def _drain(context: Context) -> None:
    """The worker ends its phases and hands the runs back; the self-test is not worth waiting for."""
    context.stopping.set()
    if context.probing is not None:
        context.probing.cancel()
        await asyncio.gather(context.probing, return_exceptions=True)
    if context.working is not None:
        await asyncio.gather(context.working, return_exceptions=True)
    context.services = None
    log.info("drained; good-bye")


def _report(working: asyncio.Task[None]) -> None:
    if not working.cancelled() and (error := working.exception()) is not None:
        log.error("the worker of this process has ended", exc_info=error)


@contextmanager
def _on_signal(stopping: asyncio.Event) -> Iterator[None]:
    """Tell streams and the worker at once; the server itself waits for open requests first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
