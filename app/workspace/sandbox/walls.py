"""The ways to shut a command in: what they need, and how a command is started in each of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from app.workspace.sandbox import bubblewrap, prefixed, seatbelt, seccomp, staging
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command, SandboxUnavailable, expand
from app.workspace.sandbox.interpreter import Layout, layout
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.prefixed import FOLDER
from app.workspace.sandbox.supervisor import Launch
from app.workspace.sandbox.system_user import SystemUser, sandbox_user


@dataclass(frozen=True)
class Ends:
    """What a launch is given and makes: `theirs` is closed once the command has started, `ours` after it."""

    archive: int
    """Where the source comes from, to be its stdin."""
    ours: ExitStack
    theirs: ExitStack


class Walls(Protocol):
    """Raises `SandboxUnavailable` for whatever is missing; nothing is run in its place."""

    def require(self) -> None:
        """The programs are there, and this system is the right one."""

    async def launch(self, command: Command, limits: Limits, ends: Ends) -> Launch: ...


class Bubblewrap:
    """Namespaces of the kernel."""

    def require(self) -> None:
        bubblewrap.tools(os.geteuid() == 0)

    async def launch(self, command: Command, limits: Limits, ends: Ends) -> Launch:
        plan = await asyncio.to_thread(_plan, command)
        return _prepare(plan, command, limits, ends)


@dataclass(frozen=True)
class External:
    """An argv prefix of the operator: another sandbox, called as its makers say."""

    prefix: tuple[str, ...]

    def require(self) -> None:
        if not self.prefix:
            raise SandboxUnavailable(
                "the sandbox mode is external and no command is set: WORKBENCH_SANDBOX_COMMAND names the "
                "program, with its arguments, that each command is put behind"
            )
        if shutil.which(self.prefix[0]) is None:
            raise SandboxUnavailable(f"the external sandbox {self.prefix[0]!r} is not installed on this host")

    async def launch(self, command: Command, limits: Limits, ends: Ends) -> Launch:
        if command.access.network or command.access.writable:
            raise SandboxUnavailable(
                "an external sandbox opens neither the network nor a folder for a set-up command: "
                "make the environment by hand and name its Python"
            )
        folder = await asyncio.to_thread(prefixed.throw_away, ends.ours)
        prefix = tuple(part.replace(FOLDER, str(folder)) for part in self.prefix)
        return prefixed.launch(prefix, folder, command, limits, ends.archive)


class SandboxExec:
    """The sandbox of macOS."""

    def require(self) -> None:
        if sys.platform != "darwin":
            raise SandboxUnavailable(f"sandbox-exec is a program of macOS, and this is {sys.platform}")
        if shutil.which(seatbelt.PROGRAM) is None:
            raise SandboxUnavailable(f"{seatbelt.PROGRAM} is missing")

    async def launch(self, command: Command, limits: Limits, ends: Ends) -> Launch:
        folder = await asyncio.to_thread(prefixed.throw_away, ends.ours)
        shown = await asyncio.to_thread(layout, command.python)
        prefix = seatbelt.prefix(folder, [path for pair in shown.folders for path in pair], command.access)
        return prefixed.launch(prefix, folder, command, limits, ends.archive)


class NoWalls:
    """None at all. Only a person at the command line can want that."""

    def require(self) -> None:
        """Nothing is needed."""

    async def launch(self, command: Command, limits: Limits, ends: Ends) -> Launch:
        folder = await asyncio.to_thread(prefixed.throw_away, ends.ours)
        return prefixed.launch((), folder, command, limits, ends.archive)


@dataclass(frozen=True)
class _Plan:
    user: SystemUser | None
    tools: bubblewrap.Tools
    layout: Layout
    rules: bytes
    space: str | None
    """The mount namespace in which the other user reaches the folders of the layout."""


def _plan(command: Command) -> _Plan:
    """All that has to be looked up first. Blocking: it reads the disk, and the first time may run useradd."""
    user = sandbox_user()
    access = command.access
    found = layout(command.python)
    found = replace(found, folders=_merged(found.folders, access), writable=access.writable)
    if user is not None and access.writable is not None:
        os.chown(access.writable, user.uid, user.gid)
    bubblewrap.require_reachable(found, user)
    rules = seccomp.program(unix_sockets=access.unix_sockets)
    tools = bubblewrap.tools(user is not None)
    space = None
    if user is not None and found.folders:
        space = staging.namespace(tools.root["unshare"], [real for real, _ in found.folders])
    return _Plan(user, tools, found, rules, space)


def _merged(folders: tuple[tuple[Path, Path], ...], access: Access) -> tuple[tuple[Path, Path], ...]:
    """Outer folders first: a mount over its parent would hide it. The writable one goes before its like."""
    shown = {path: real for real, path in (*folders, *access.shown())}
    if access.writable is not None:
        shown[access.writable] = access.writable.resolve()
    return tuple((real, path) for path, real in sorted(shown.items(), key=lambda pair: len(pair[0].parts)))


def _prepare(plan: _Plan, command: Command, limits: Limits, ends: Ends) -> Launch:
    """The command line, and the files in memory that it names."""
    info, tell = pipe(ends.ours, ends.theirs)
    rules = bubblewrap.data_file("seccomp", plan.rules, ends.theirs)
    env = bubblewrap.environment(plan.layout, command.env)
    parts, fds = bubblewrap.options(
        plan.layout, plan.user is not None, limits, command.access, env, rules, tell, ends.theirs
    )
    options = bubblewrap.data_file(
        "options", b"".join(os.fsencode(part) + b"\0" for part in parts), ends.theirs
    )
    inner = bubblewrap.inner(plan.tools, limits, expand(command, bubblewrap.JUNIT))
    return Launch(
        argv=bubblewrap.chain(plan.tools, plan.user, plan.space, options, inner),
        env=bubblewrap.OUTER_ENV,
        stdin=ends.archive,
        pass_fds=(options, *fds),
        info=info,
        work=bubblewrap.work_folder(plan.layout),
    )


def pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed by `reader` and `writer`."""
    ends = os.pipe2(os.O_CLOEXEC)
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends
