"""The service's end of the warm parent process: starts it, asks it, starts it again when it is gone."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.errors import Unavailable
from app.rendering.child import STARTED, WALL_S
from app.settings import ROOT

MAX_AT_ONCE = 8
START_TIMEOUT_S = 30
MAX_REPLY_BYTES = 8 * 1024 * 1024
_ARGV = [sys.executable, "-X", "utf8", "-m", "app.rendering.child"]


@dataclass(frozen=True)
class _Parent:
    process: subprocess.Popen[bytes]
    control: socket.socket

    def end(self) -> None:
        self.control.close()  # the parent ends when its socket does
        self.process.kill()
        self.process.wait()


class RenderProcess:
    """Children render; a child ends with its connection, so a cancelled caller leaves nothing behind."""

    def __init__(self, argv: Sequence[str] = _ARGV) -> None:
        self._argv = argv
        self._parent: _Parent | None = None
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def ask(self, request: bytes | bytearray) -> bytes | None:
        """The child's reply; None when a limit ended it. Raises `Unavailable` when no child starts."""
        async with self._slots:
            for _ in range(2):
                parent = self._started()
                with suppress(OSError):
                    return await self._ask(parent, request)
                self._forget(parent)
        raise Unavailable("no process for templates could be started; is the machine out of memory?")

    def close(self) -> None:
        if self._parent is not None:
            self._forget(self._parent)

    def _started(self) -> _Parent:
        """Starting takes the event loop 2 ms, and so can not be cancelled half-way."""
        if self._parent is None:
            self._parent = _start(self._argv)
        return self._parent

    def _forget(self, parent: _Parent) -> None:
        if self._parent is parent:
            self._parent = None
            parent.end()

    async def _ask(self, parent: _Parent, request: bytes | bytearray) -> bytes | None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(parent.control, [b"r"], [theirs.fileno()])
            ours.setblocking(False)
            async with asyncio.timeout(START_TIMEOUT_S):
                if await asyncio.get_running_loop().sock_recv(ours, 1) != STARTED:
                    raise ConnectionResetError("the parent is gone")
            return await _exchange(ours, request)


async def _exchange(connection: socket.socket, request: bytes | bytearray) -> bytes | None:
    loop = asyncio.get_running_loop()
    reply = bytearray()
    try:
        async with asyncio.timeout(2 * WALL_S):  # the child's own alarm comes first
            await loop.sock_sendall(connection, request)
            connection.shutdown(socket.SHUT_WR)
            while part := await loop.sock_recv(connection, 65536):
                reply += part
                if len(reply) > MAX_REPLY_BYTES:
                    return None
    except (OSError, TimeoutError):
        return None
    return bytes(reply) or None


def _start(argv: Sequence[str]) -> _Parent:
    """An empty environment and no open file but one socket: nothing of the service is in there."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            argv,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={},
            start_new_session=True,
        )
    return _Parent(process, ours)
