"""`python -m tests.unit.workspace.orphans folder`: workers die as they start a sandbox, and leave nothing."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path

from app import failpoints
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.sandbox import Sandbox

PR_SET_CHILD_SUBREAPER = 36
DEATHS = 16
"""bubblewrap was caught in its first moments by one kill in three."""
LIMIT_S = 20
"""For what one death leaves; a machine that does much else needs a second for each."""


def main(source: Path) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what the workers leave is ours
    tested = Sandbox()
    asyncio.run(tested.self_test())
    signal.signal(signal.SIGALRM, _give_up)
    for _ in range(DEATHS):
        signal.alarm(LIMIT_S)
        if os.fork() == 0:
            _die(tested, source)
        _bury_all()
    print("all gone")


def _die(tested: Sandbox, source: Path) -> None:
    sandbox = Sandbox()
    sandbox._tested = tested._tested  # its locks belong to an event loop that is gone
    failpoints.install(lambda name, done: os.kill(os.getpid(), signal.SIGKILL) if done else None)
    asyncio.run(sandbox.run(source, Command(("/bin/sleep", "1000"))))


def _bury_all() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def _give_up(*_: object) -> None:
    for task in Path("/proc/self/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            print("left behind:", Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")[:80])
            os.kill(child, signal.SIGKILL)
    sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
