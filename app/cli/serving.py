"""Carries out `serve` and `worker`."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from contextlib import suppress

import uvicorn

from app.cli.failures import debugging
from app.cli.interruption import on_signal
from app.cli.opening import read_settings, with_services
from app.cli.output import say, stderr
from app.errors import Conflict, Invalid, Unavailable
from app.services import Services
from app.settings import Settings
from app.worker import create_worker

DRAIN_S = 10
"""How long open connections may take to end when the server stops."""
BACKLOG = 2048


def serve(host: str | None, port: int | None) -> None:
    """Bind first: a busy port is said before anything is started."""
    for name, value in (("WORKBENCH_HOST", host), ("WORKBENCH_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)  # the application reads its settings itself
    bound = _bind(read_settings(log_level="info", warn=False))  # the application warns by itself
    os.environ["WORKBENCH_PORT"] = str(bound.getsockname()[1])
    logging.getLogger("uvicorn.access").addFilter(_without_query)
    config = uvicorn.Config(
        "app.main:create",
        factory=True,
        log_config=None,
        loop="asyncio",  # the loop that the commands and the tests use too
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    _quiet_after_signals()
    server = _Server(config)
    failure = _StartFailure(server)
    logging.getLogger("uvicorn.error").addFilter(failure)
    with suppress(SystemExit):  # how uvicorn leaves when the application does not start
        server.run(sockets=[bound])
    if not server.started:
        raise Unavailable(failure.reason or "the server did not start")


def work() -> None:
    """Runs until a signal; the second one does not wait for the phase under way."""
    try:
        with_services(read_settings(log_level="info"), _work)
    except asyncio.CancelledError:
        say(stderr(), ("stopped in the middle of a phase; another worker takes the runs over", "yellow"))


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and sockets:
            url = _url(sockets[0])
            say(stderr(), ("Workbench serves on ", "bold green"), (url, "bold"), f"   API: {url}/docs")


class _StartFailure(logging.Filter):
    """Keeps what uvicorn logs as the reason why the application can not start; it is shown as our error."""

    reason = ""

    def __init__(self, server: uvicorn.Server) -> None:
        super().__init__()
        self._server = server

    def filter(self, record: logging.LogRecord) -> bool:
        if self._server.started or record.levelno < logging.ERROR:
            return True
        text = record.getMessage().strip()
        if text.startswith("Traceback ") and not debugging():
            text = text.splitlines()[-1].partition(": ")[2] or text
        self.reason = self.reason or text
        return False


async def _work(services: Services) -> None:
    stop = asyncio.Event()

    def drain() -> None:
        say(stderr(), ("ending the phase under way; once more stops at once", "yellow"))
        stop.set()

    await services.register_self()
    with on_signal(drain):
        say(stderr(), ("the worker is ready", "bold green"))
        await create_worker(services).work(stop)


def _bind(settings: Settings) -> socket.socket:
    """Raises `Conflict` for a busy port, `Invalid` for an address that is not ours."""
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except PermissionError as error:
        raise Invalid(
            f"port {port} may not be bound: {error.strerror}", hint="choose one above 1023"
        ) from error
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno != errno.EADDRINUSE:
            raise Invalid(f"{host}:{port} can not be bound: {error.strerror or error}") from error
        raise Conflict(
            f"port {port} of {host} is in use, perhaps by another Workbench",
            hint="stop that one, or choose another: workbench serve --port 8001",
        ) from error
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _without_query(record: logging.LogRecord) -> bool:
    """Query strings stay out of the log: they may hold what nobody should read there."""
    if isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, version, status = record.args
        record.args = (client, method, str(path).partition("?")[0], version, status)
    return True


def _quiet_after_signals() -> None:
    """Uvicorn raises the signal again once it has stopped; by then all is done."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
