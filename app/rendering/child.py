"""The warm parent process: forks a limited child per render. Run with `python -m app.rendering.child`."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
from typing import Any

from app.rendering.errors import TemplateError
from app.rendering.filling import check, compiled, fill

STARTED = b"+"
"""The first byte of a child: what goes wrong from here on is the template's fault."""
MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 2
WALL_S = 3


def main() -> None:
    """Serves requests from standard input, a socket that carries sockets, until its other end closes."""
    control = socket.socket(fileno=0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: none stays a zombie
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        for descriptor in descriptors:
            if os.fork() == 0:
                control.close()
                serve(descriptor)
            os.close(descriptor)


def answer(request: bytes) -> bytes:
    """`ok` or `error` on the first line, then the text or the error as JSON."""
    asked: dict[str, Any] = json.loads(request)
    name, source, variables = asked["name"], asked["template"], asked["variables"]
    try:
        if asked["declared"] is None:
            text = fill(compiled(source, name), variables, name)
        else:
            text = check(source, variables, asked["declared"], name)
        return b"ok\n" + text.encode()
    except TemplateError as error:
        return b"error\n" + json.dumps(error.details).encode()


def serve(descriptor: int) -> None:
    """Answers one request and ends; without an answer when a limit is hit."""
    try:
        _limit()
        connection = socket.socket(fileno=descriptor)
        connection.sendall(STARTED)
        request = b"".join(iter(lambda: connection.recv(65536), b""))
        _die_with_the_caller(descriptor, True)
        if _caller_is_gone(descriptor):
            return
        reply = answer(request)
        _die_with_the_caller(descriptor, False)
        connection.sendall(reply)
    finally:
        os._exit(0)


def _limit() -> None:
    """The kernel ends a child that breaks a limit; nothing has to watch it."""
    for number in (signal.SIGALRM, signal.SIGIO, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, WALL_S)


def _die_with_the_caller(descriptor: int, on: bool) -> None:
    """SIGIO, whose default is to end the process, comes when the caller closes its end."""
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC if on else flags & ~os.O_ASYNC)


def _caller_is_gone(descriptor: int) -> bool:
    """It may have closed its end before SIGIO was asked for."""
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


if __name__ == "__main__":
    main()
