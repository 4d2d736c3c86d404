"""One process of the browser, and the DevTools protocol over two pipes, so that no port is opened for it."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

JSON = Any
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # its own sandbox needs namespaces and system calls that are closed in here
    "--in-process-gpu",  # a process less to start
    "--disable-dev-shm-usage",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/fonts</cachedir>
  <include ignore_missing="yes">/usr/share/fontconfig/conf.avail/60-latin.conf</include>
</fontconfig>
"""
PIPE_IN, PIPE_OUT, ABOVE = 3, 4, 10
"""Where the browser reads and writes; our own ends must not lie there."""


class Gone(Exception):
    """The browser ended, or does not answer."""


class Browser:
    """Started at once. `on_event` is told what the browser says unasked, while something is waited for."""

    def __init__(self, program: str, folder: str, size: tuple[int, int]) -> None:
        self.on_event: Callable[[JSON], None] = lambda message: None
        self._numbers = itertools.count(1)
        self._buffer = bytearray()
        self._pid, self._read, self._write = _start(program, folder, size)

    def send(self, method: str, session: str | None = None, **params: JSON) -> int:
        """The number under which the answer comes."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        try:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise Gone("the browser ended") from error
        return number

    def ask(self, method: str, session: str | None = None, within: float = 5.0, **params: JSON) -> JSON:
        """The answer; an error is an empty one. Raises `Gone`."""
        number = self.send(method, session, **params)
        until = time.monotonic() + within
        while (message := self._next(until)) is not None:
            if message.get("id") == number:
                return message.get("result", {})
        raise Gone(f"no answer to {method} within {within:g} s")

    def listen(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Until then, or until it is done. Raises `Gone`."""
        while not done() and self._next(until) is not None:
            pass

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._write)
        os.close(self._read)

    def _next(self, until: float) -> JSON:
        """The next message; None: it is time, however much there is to read."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return None
            end = self._buffer.find(0)
            if end >= 0:
                break
            if select.select([self._read], [], [], left)[0]:
                data = os.read(self._read, 1 << 20)
                if not data:
                    raise Gone("the browser ended")
                self._buffer += data
        message = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        if "id" not in message:
            self.on_event(message)
        return message


def _start(program: str, folder: str, size: tuple[int, int]) -> tuple[int, int, int]:
    """Its pid, and the ends of the pipes that are ours."""
    os.makedirs(folder)
    with open(f"{folder}/fonts.conf", "w") as file:
        file.write(FONTS.format(folder=folder))
    (their_read, our_write), (our_read, their_write) = _high_pipe(), _high_pipe()
    argv = [program, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={size[0]},{size[1]}"]
    surroundings = {"HOME": folder, "TMPDIR": folder, "FONTCONFIG_FILE": f"{folder}/fonts.conf"}
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT)
    pid = os.posix_spawn(
        program,
        [*argv, "about:blank"],
        {**os.environ, **surroundings},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
            (os.POSIX_SPAWN_DUP2, their_read, PIPE_IN),  # the log may lie there, so it goes first
            (os.POSIX_SPAWN_DUP2, their_write, PIPE_OUT),
        ],
        setpgroup=0,
    )
    for end in (their_read, their_write, log):
        os.close(end)
    return pid, our_read, our_write


def _high_pipe() -> tuple[int, int]:
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, ABOVE) for end in low)
    for end in low:
        os.close(end)
    return high[0], high[1]
