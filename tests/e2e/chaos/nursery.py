"""Starts workers by forking, so that a new one costs no import; every orphan of theirs becomes its child.

Reads a line per worker from stdin and answers with the worker's process id, which is its process group too.
A worker is wired as `workbench worker` wires it; only the sandbox's self-test is done once, before the fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path

import openai

from app import failpoints
from app.llm.backends import openai as backend
from app.logs import configure
from app.pipelines import checkpoints, leases
from app.pipelines.leases import Lease, StaleFence
from app.services import open_services
from app.settings import Settings
from app.worker import create_worker
from app.workspace.sandbox.sandbox import Sandbox
from tests.e2e.chaos.mutations import GUARDS

PR_SET_CHILD_SUBREAPER = 36
REJECTED = "chaos: a stale write was rejected"
log = logging.getLogger("app.chaos")


def main(logs: Path, without: str | None) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if without is not None:
        GUARDS[without].switch_off()
    _count_rejections()
    _warm_up()
    tested = Sandbox()
    asyncio.run(tested.self_test())
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries the dead from now on
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin):
        child = os.fork()
        if child == 0:
            _work(logs / f"worker-{number}.log", tested)
        print(child, flush=True)


def _warm_up() -> None:
    """What a worker imports at its first model call, two seconds of computing."""
    assert openai.AsyncOpenAI(api_key="none").chat.completions
    assert backend.OpenAIBackend


def _work(said: Path, tested: Sandbox) -> None:
    try:
        sandbox = Sandbox()
        sandbox._tested = tested._tested  # the locks of the other one belong to an event loop that is gone
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        opened = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(opened, stream)
        os.close(0)
        configure("info")
        asyncio.run(_serve(sandbox))
        os._exit(0)
    except BaseException:
        log.exception("the worker ended")
        os._exit(1)


async def _serve(sandbox: Sandbox) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    signal.signal(signal.SIGUSR1, _freeze_soon)
    while not stop.is_set():
        with contextlib.suppress(
            Exception
        ):  # as a service manager would: a database that is away ends the start
            async with open_services(Settings(_env_file=None), sandbox) as services:
                await create_worker(services).work(stop)
        await asyncio.sleep(0.2)


def _freeze_soon(*_: object) -> None:
    """Stop this process in its next checkpoint, before it is sent: it will be written far too late."""

    def freeze(name: str, done: bool) -> None:
        if name == "database.checkpoint" and not done:
            failpoints.install(None)
            os.kill(os.getpid(), signal.SIGSTOP)

    failpoints.install(freeze)


def _count_rejections() -> None:
    """Log where a write is refused; what the renewal of leases notices is not counted."""

    def stale(lease: Lease) -> StaleFence:
        log.info("%s", REJECTED)
        return StaleFence(f"the lease {lease.fence} of pipeline {lease.pipeline_id} has been taken over")

    for module in (checkpoints, leases):
        vars(module).update(stale=stale)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
