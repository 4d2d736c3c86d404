"""Runs one process tree under a wall clock and a watchdog, reads all it says, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.failpoints import failpoint
from app.workspace.sandbox import leash
from app.workspace.sandbox.execution import Ended, SandboxUnavailable
from app.workspace.sandbox.leash import Leashed
from app.workspace.sandbox.limits import RESULT_BYTES, Limits
from app.workspace.sandbox.output import OnOutput, Tail, tell
from app.workspace.sandbox.watchdog import kill_marked, watch

MARK = "WORKBENCH_SANDBOX_RUN"
CHUNK = 64 * 1024
DEATH_S = 10.0
XCPU_EXIT = 128 + signal.SIGXCPU


@dataclass(frozen=True)
class Finished:
    """A process tree that is gone."""

    exit_code: int | None
    ended: Ended
    results: bytes
    """What came on stdout; cut off somewhere above the cap for results."""
    output: Tail
    """The end of stderr."""


@dataclass(frozen=True)
class Launch:
    """How to start the process."""

    argv: Sequence[str]
    env: Mapping[str, str]
    stdin: int = asyncio.subprocess.DEVNULL
    pass_fds: tuple[int, ...] = ()
    info: int | None = None
    """The pipe on which bubblewrap names the first process inside; None without a sandbox."""
    work: str | None = None
    """The folder inside whose files are counted."""
    cwd: str = "/"
    folder: Path | None = None
    """The folder of the host that takes the files of the command, where there is no file system for them."""
    mark: str | None = None
    """Value of `MARK` in the environment of every process, by which those that left the group are found."""


async def start(launch: Launch) -> Leashed:
    """Start the leader of a new process group. Cancelled half-way, it still sees the whole group dead."""
    starting = asyncio.create_task(_spawn(launch))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        leashed = await starting
        await leashed.end()
        await leashed.process.wait()
        raise


async def supervise(
    leashed: Leashed, launch: Launch, limits: Limits, on_output: OnOutput | None = None
) -> Finished:
    """Wait for the end, or bring it about. Whatever happens, cancelling too, the whole tree is dead after.

    What `on_output` raises ends the run and is raised.
    """
    process, tree = leashed.process, Tree(leashed.group)
    output, results = Tail(limits.output_bytes), Head(RESULT_BYTES + CHUNK)
    done = asyncio.create_task(_drain(process, output, results))
    guard = asyncio.create_task(_guard(process.pid, tree, launch, limits))
    telling = [asyncio.create_task(tell(output, on_output))] if on_output else []
    try:
        with failpoint("sandbox.wait"):
            first = {done, guard, *telling}
            await asyncio.wait(first, timeout=limits.wall_s, return_when=asyncio.FIRST_COMPLETED)
        ended: Ended = guard.result() if guard.done() else "exit" if done.done() else "timeout"
    finally:
        tree.kill()
        guard.cancel()
        try:
            for told in telling:
                told.cancel()
            await asyncio.wait({guard, *telling})
            if launch.mark:
                await asyncio.to_thread(kill_marked, f"{MARK}={launch.mark}".encode())
            await tree.gone(done)
        finally:
            tree.close()
            done.cancel()
            await leashed.end()
    for told in telling:
        if not told.cancelled() and (error := told.exception()):
            raise error
    code = process.returncode if ended == "exit" else None
    if code == XCPU_EXIT:
        code, ended = None, "cpu"
    return Finished(code, ended, bytes(results.data), output)


class Head:
    """Keeps the first `limit` bytes of what it is fed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data = bytearray()

    def feed(self, data: bytes) -> None:
        self.data += data[: self._limit - len(self.data)]


class Tree:
    """A process group, and inside a sandbox the process whose death ends all others."""

    def __init__(self, group: int) -> None:
        self.group = group
        self._first: int | None = None

    def adopt(self, pid: int) -> None:
        """`pid` is the first process of a process namespace; a descriptor of it can not be reused."""
        with suppress(ProcessLookupError):
            self._first = os.pidfd_open(pid)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        if self._first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)

    async def gone(self, drained: asyncio.Task[None]) -> None:
        """Wait until the kernel has reaped the namespace and every pipe is closed."""
        try:
            async with asyncio.timeout(DEATH_S):
                if self._first is not None:
                    await _readable(self._first)
                await asyncio.shield(drained)
        except TimeoutError as error:
            raise SandboxUnavailable(
                "processes of a sandbox survived SIGKILL; look for hung storage"
            ) from error

    def close(self) -> None:
        if self._first is not None:
            os.close(self._first)
            self._first = None


async def _spawn(launch: Launch) -> Leashed:
    with failpoint("sandbox.spawn"):
        return await leash.start(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            stdin=launch.stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=launch.pass_fds,
        )


async def _drain(process: asyncio.subprocess.Process, output: Tail, results: Head) -> None:
    """Read both pipes to their end: a writer that is never read would hang instead of ending."""
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stderr is not None  # noqa: S101
    await asyncio.gather(_read(process.stdout, results), _read(process.stderr, output), process.wait())


async def _read(stream: asyncio.StreamReader, sink: Tail | Head) -> None:
    seen = 0
    while data := await stream.read(CHUNK):
        sink.feed(data)
        seen += len(data)
        if seen > RESULT_BYTES:
            await asyncio.sleep(0.001)  # a flood slows itself down and not the event loop


async def _guard(pid: int, tree: Tree, launch: Launch, limits: Limits) -> Ended:
    """Ends with the limit that was broken, and never when none was."""
    if launch.info is None:
        return await watch(pid, limits, None, launch.folder)
    first = await _first_inside(launch.info)
    if first is None:  # bubblewrap gave up; its own end says more
        return await asyncio.Future()
    tree.adopt(first)
    return await watch(first, limits, launch.work)


async def _first_inside(info: int) -> int | None:
    """The host's pid of the first process inside. Read to the end: bubblewrap dies of a closed pipe."""
    data = bytearray()
    while True:
        await _readable(info)
        chunk = os.read(info, CHUNK)
        if not chunk:
            break
        data += chunk
    return int(json.loads(data)["child-pid"]) if data else None


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
