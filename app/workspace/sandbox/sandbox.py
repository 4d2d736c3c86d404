"""Runs a project's commands on a throw-away copy of its files, where they can reach nothing else."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, assert_never

from app.errors import Invalid, WorkbenchError
from app.workspace.sandbox import bubblewrap
from app.workspace.sandbox.execution import Command, Execution, SandboxUnavailable, SourceUnusable
from app.workspace.sandbox.limits import RESULT_BYTES, Limits
from app.workspace.sandbox.output import OnOutput, last, printable
from app.workspace.sandbox.selftest import Probe, SelfTest, probe_all
from app.workspace.sandbox.supervisor import Finished, start, supervise
from app.workspace.sandbox.unsandboxed import ACCEPTED_NOTICE
from app.workspace.sandbox.walls import Bubblewrap, Ends, External, NoWalls, SandboxExec, Walls, pipe

SandboxMode = Literal["bwrap", "external", "sandbox-exec", "none"]
READY = b"ready\n"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Sandbox:
    """At most `concurrency` commands at once. Refuses to run anything until its self-test has passed."""

    def __init__(
        self,
        mode: SandboxMode = "bwrap",
        concurrency: int = 2,
        *,
        prefix: tuple[str, ...] = (),
        accepted: bool = False,
    ) -> None:
        """`prefix` is the command of mode `external`. `accepted`: a person wants mode `none` to run bare."""
        self.mode = mode
        self._bare = mode == "none" and accepted
        self._walls = _walls(mode, prefix)
        self._slots = asyncio.Semaphore(concurrency)
        self._testing = asyncio.Lock()
        self._tested: SelfTest | None = None

    async def run(
        self,
        source: Path,
        command: Command,
        limits: Limits = Limits(),  # noqa: B008
        on_output: OnOutput | None = None,
    ) -> Execution:
        """Run `command` in a copy of `source`, which itself is only read. `on_output` hears its last lines.

        Raises SandboxUnavailable when commands can not be run safely here, SourceUnusable when the copy
        fails. Cancelling kills all processes at once.
        """
        tested = await self.self_test()
        if not tested.ok:
            raise SandboxUnavailable(tested.summary(), probes=[probe.name for probe in tested.failed()])
        return await self._execute(source, command, limits, on_output)

    async def self_test(self) -> SelfTest:
        """Try the walls from inside, once. A missing program raises SandboxUnavailable each time."""
        if self.mode == "none":
            return _bare() if self._bare else _switched_off()
        if "WORKBENCH_IN_SANDBOX" in os.environ:
            raise SandboxUnavailable("there is no sandbox inside a sandbox, so nothing is run")
        self._walls.require()
        async with self._testing:
            if self._tested is None:
                self._tested = await probe_all(self.mode, self._execute)
        return self._tested

    async def _execute(
        self, source: Path, command: Command, limits: Limits, on_output: OnOutput | None = None
    ) -> Execution:
        async with self._slots:
            started = time.monotonic()
            finished = await _run(self._walls, source, command, limits, on_output)
            duration = time.monotonic() - started
        output = await asyncio.to_thread(finished.output.text)
        if not finished.results.startswith(READY) and finished.ended == "exit":
            raise _not_started(finished.exit_code, output, limits)
        junit = finished.results[len(READY) :]
        return Execution(
            exit_code=finished.exit_code,
            output=f"{output.rstrip()}\n{ACCEPTED_NOTICE}" if self._bare else output,
            ended=finished.ended,
            junit=junit if finished.ended == "exit" and 0 < len(junit) <= RESULT_BYTES else None,
            duration_s=duration,
            truncated=finished.output.truncated,
            unsandboxed=self._bare,
        )


def _walls(mode: SandboxMode, prefix: tuple[str, ...]) -> Walls:
    match mode:
        case "bwrap":
            return Bubblewrap()
        case "external":
            return External(prefix)
        case "sandbox-exec":
            return SandboxExec()
        case "none":
            return NoWalls()
        case _:
            assert_never(mode)


def _bare() -> SelfTest:
    return SelfTest("none", (Probe("sandbox", True, "switched off on the command line"),))


def _switched_off() -> SelfTest:
    return SelfTest("none", (Probe("sandbox", False, "the sandbox is switched off (mode none)"),))


async def _run(
    walls: Walls, source: Path, command: Command, limits: Limits, on_output: OnOutput | None
) -> Finished:
    if not os.path.isdir(source):  # noqa: ASYNC240 - one stat of a local folder
        raise SourceUnusable(f"the source tree {source} is not a folder", place="source")
    _check(command.env)
    with ExitStack() as ours:
        with ExitStack() as theirs:  # ends of pipes that must not stay open here
            archive, feed = pipe(theirs, theirs)
            launch = await walls.launch(command, limits, Ends(archive, ours, theirs))
            packer = await _pack(source, command.over, feed)
            try:
                leashed = await start(launch)
            except BaseException:
                _stop(packer)
                raise
        packed = asyncio.create_task(packer.communicate())
        try:
            finished = await supervise(leashed, launch, limits, on_output)
            if finished.ended != "exit":
                _stop(packer)
        except BaseException:
            _stop(packer)
            raise
        finally:
            _, complaints = await packed
    if packer.returncode not in (0, -signal.SIGPIPE, -signal.SIGKILL):
        raise SourceUnusable(
            f"the source tree can not be read: {printable(complaints.decode(errors='replace'))}"
        )
    return finished


async def _pack(source: Path, over: Path | None, feed: int) -> asyncio.subprocess.Process:
    """Write `source` as an archive to `feed`, and `over` behind it: of two files of one name the last stays.

    Links stay links, pipes stay pipes; nothing is followed.
    """
    tar = shutil.which("tar") or "tar"
    options = ["--create", "--file=-", "--mode=u+rwX", f"--directory={source}", "."]
    if over is not None:
        options += [f"--directory={over}", "."]
    null, pipe_ = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        tar, *options, env=bubblewrap.OUTER_ENV, stdin=null, stdout=feed, stderr=pipe_, start_new_session=True
    )


def _stop(packer: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        packer.kill()


def _check(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if not NAME.match(name) or "\0" in value:
            raise Invalid(f"the environment variable {name!r} is not usable", place="env")


def _not_started(exit_code: int | None, output: str, limits: Limits) -> WorkbenchError:
    """Nothing of the project has run: either its files did not fit, or the sandbox could not be built."""
    if exit_code == bubblewrap.COPY_FAILED:
        return SourceUnusable(
            f"the source tree could not be copied into the sandbox, which holds {limits.work_bytes} bytes: "
            f"{last(output, 2000)}"
        )
    return SandboxUnavailable(f"the sandbox could not be started: {last(output, 2000)}; {bubblewrap.INSTALL}")
