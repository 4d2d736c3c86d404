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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.errors import Invalid, WorkbenchError
from app.workspace.sandbox import bubblewrap, seccomp
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command, Execution, SandboxUnavailable, SourceUnusable, expand
from app.workspace.sandbox.interpreter import Layout, layout
from app.workspace.sandbox.limits import RESULT_BYTES, Limits
from app.workspace.sandbox.output import last, printable
from app.workspace.sandbox.selftest import Probe, SelfTest, probe_all
from app.workspace.sandbox.supervisor import Finished, Launch, start, supervise
from app.workspace.sandbox.system_user import SystemUser, sandbox_user

SandboxMode = Literal["bwrap", "none"]
READY = b"ready\n"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Sandbox:
    """At most `concurrency` commands at once. Refuses to run anything until its self-test has passed."""

    def __init__(self, mode: SandboxMode = "bwrap", concurrency: int = 2) -> None:
        self.mode = mode
        self._slots = asyncio.Semaphore(concurrency)
        self._testing = asyncio.Lock()
        self._tested: SelfTest | None = None

    async def run(self, source: Path, command: Command, limits: Limits = Limits()) -> Execution:  # noqa: B008
        """Run `command` in a copy of `source`, which itself is only read.

        Raises SandboxUnavailable when commands can not be run safely here, SourceUnusable when the copy
        fails. Cancelling kills all processes at once.
        """
        tested = await self.self_test()
        if not tested.ok:
            raise SandboxUnavailable(tested.summary(), probes=[probe.name for probe in tested.failed()])
        return await self._execute(source, command, limits)

    async def self_test(self) -> SelfTest:
        """Try the walls from inside, once. A missing program raises SandboxUnavailable each time."""
        if self.mode == "none":
            return SelfTest("none", (Probe("sandbox", False, "the sandbox is switched off (mode none)"),))
        if "WORKBENCH_IN_SANDBOX" in os.environ:
            raise SandboxUnavailable("there is no sandbox inside a sandbox, so nothing is run")
        bubblewrap.tools(os.geteuid() == 0)
        async with self._testing:
            if self._tested is None:
                self._tested = await probe_all(self.mode, self._execute)
        return self._tested

    async def _execute(self, source: Path, command: Command, limits: Limits) -> Execution:
        async with self._slots:
            started = time.monotonic()
            finished = await _run(source, command, limits)
            duration = time.monotonic() - started
        output = await asyncio.to_thread(finished.output.text)
        if not finished.results.startswith(READY) and finished.ended == "exit":
            raise _not_started(finished.exit_code, output, limits)
        junit = finished.results[len(READY) :]
        return Execution(
            exit_code=finished.exit_code,
            output=output,
            ended=finished.ended,
            junit=junit if finished.ended == "exit" and 0 < len(junit) <= RESULT_BYTES else None,
            duration_s=duration,
            truncated=finished.output.truncated,
        )


async def _run(source: Path, command: Command, limits: Limits) -> Finished:
    if not os.path.isdir(source):  # noqa: ASYNC240 - one stat of a local folder
        raise SourceUnusable(f"the source tree {source} is not a folder", place="source")
    plan = await asyncio.to_thread(_plan, command)
    with ExitStack() as ours:
        with ExitStack() as theirs:  # ends of pipes that must not stay open here
            archive, feed = _pipe(theirs, theirs)
            launch = _prepare(plan, command, limits, archive, ours, theirs)
            packer = await _pack(source, command.over, feed)
            try:
                leashed = await start(launch)
            except BaseException:
                _stop(packer)
                raise
        packed = asyncio.create_task(packer.communicate())
        try:
            finished = await supervise(leashed, launch, limits)
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


@dataclass(frozen=True)
class _Plan:
    user: SystemUser | None
    tools: bubblewrap.Tools
    layout: Layout
    rules: bytes


def _plan(command: Command) -> _Plan:
    """All that has to be looked up first. Blocking: it reads the disk, and the first time may run useradd."""
    user = sandbox_user()
    found = layout(command.python)
    access = command.access
    found = replace(found, folders=_merged(found.folders, access), writable=access.writable)
    if user is not None and access.writable is not None:
        os.chown(access.writable, user.uid, user.gid)
    bubblewrap.require_reachable(found, user)
    rules = seccomp.program(unix_sockets=access.unix_sockets)
    return _Plan(user, bubblewrap.tools(user is not None), found, rules)


def _merged(folders: tuple[tuple[Path, Path], ...], access: Access) -> tuple[tuple[Path, Path], ...]:
    """Outer folders first: a mount over its parent would hide it. The writable one goes before its like."""
    shown = {path: real for real, path in (*folders, *access.shown())}
    if access.writable is not None:
        shown[access.writable] = access.writable.resolve()
    return tuple((real, path) for path, real in sorted(shown.items(), key=lambda pair: len(pair[0].parts)))


def _prepare(
    plan: _Plan, command: Command, limits: Limits, archive: int, ours: ExitStack, theirs: ExitStack
) -> Launch:
    """The command line, and the files in memory that it names."""
    info, tell = _pipe(ours, theirs)
    rules = bubblewrap.data_file("seccomp", plan.rules, theirs)
    env = bubblewrap.environment(plan.layout, _checked(command.env))
    parts, fds = bubblewrap.options(
        plan.layout, plan.user is not None, limits, command.access, env, rules, tell, theirs
    )
    options = bubblewrap.data_file("options", b"".join(os.fsencode(part) + b"\0" for part in parts), theirs)
    inner = bubblewrap.inner(plan.tools, limits, expand(command, bubblewrap.JUNIT))
    return Launch(
        argv=bubblewrap.chain(plan.tools, plan.user, plan.layout, options, inner),
        env=bubblewrap.OUTER_ENV,
        stdin=archive,
        pass_fds=(options, *fds),
        info=info,
        work=bubblewrap.work_folder(plan.layout),
    )


async def _pack(source: Path, over: Path | None, feed: int) -> asyncio.subprocess.Process:
    """Write `source` as an archive to `feed`, and `over` behind it: of two files of one name the last stays.

    Links stay links, pipes stay pipes; nothing is followed.
    """
    tar = shutil.which("tar") or "tar"
    options = ["--create", "--file=-", "--mode=u+rwX", f"--directory={source}", "."]
    if over is not None:
        options += [f"--directory={over}", "."]
    null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        tar, *options, env=bubblewrap.OUTER_ENV, stdin=null, stdout=feed, stderr=pipe, start_new_session=True
    )


def _stop(packer: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        packer.kill()


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed by `reader` and `writer`."""
    ends = os.pipe2(os.O_CLOEXEC)
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends


def _checked(env: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in env.items():
        if not NAME.match(name) or "\0" in value:
            raise Invalid(f"the environment variable {name!r} is not usable", place="env")
    return env


def _not_started(exit_code: int | None, output: str, limits: Limits) -> WorkbenchError:
    """Nothing of the project has run: either its files did not fit, or the sandbox could not be built."""
    if exit_code == bubblewrap.COPY_FAILED:
        return SourceUnusable(
            f"the source tree could not be copied into the sandbox, which holds {limits.work_bytes} bytes: "
            f"{last(output, 2000)}"
        )
    return SandboxUnavailable(f"the sandbox could not be started: {last(output, 2000)}; {bubblewrap.INSTALL}")
