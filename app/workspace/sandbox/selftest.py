"""Tries the sandbox's walls from inside before anything foreign runs in it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import WorkbenchError
from app.workspace.sandbox.execution import Command, Execution
from app.workspace.sandbox.limits import Limits

Execute = Callable[[Path, Command, Limits], Awaitable[Execution]]
SCRIPT = Path(__file__).with_name("probes.py")
OWN_KERNEL = frozenset({"capabilities", "seccomp", "user_namespaces", "unix_sockets"})
"""Not asked of an external sandbox: one with a kernel of its own shows the powers of that kernel."""
NAMES = (
    "capabilities",
    "network",
    "proc_sys",
    "environment",
    "parent_environment",
    "write_outside",
    "read_outside",
    "processes",
    "kill",
    "seccomp",
    "user_namespaces",
    "unix_sockets",
)
LIMITS = Limits(wall_s=20, processes=24, output_bytes=64 * 1024)


@dataclass(frozen=True)
class Probe:
    name: str
    ok: bool
    detail: str
    required: bool = True
    """Nothing is run unless it passes."""


@dataclass(frozen=True)
class SelfTest:
    mode: str
    probes: tuple[Probe, ...]

    @property
    def ok(self) -> bool:
        return bool(self.probes) and not self.failed()

    def failed(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if probe.required and not probe.ok)

    def summary(self) -> str:
        """One line for a person."""
        if self.ok and self.mode == "none":
            return (
                "there is NO sandbox: commands run with all rights of this service, as the command line says"
            )
        if self.ok and (open_ := [probe.name for probe in self.probes if not probe.ok]):
            held = len(self.probes) - len(open_)
            return f"the sandbox ({self.mode}) passed {held} probes; not asked of it: {', '.join(open_)}"
        if self.ok:
            return f"the sandbox ({self.mode}) passed all {len(self.probes)} probes"
        found = "; ".join(f"{probe.name}: {probe.detail}" for probe in self.failed())
        return f"the sandbox ({self.mode}) is not safe here, so nothing is run: {found}"


async def probe_all(mode: str, execute: Execute) -> SelfTest:
    """Run every probe. One that did not report has failed."""
    with tempfile.TemporaryDirectory(prefix="workbench-probes-") as folder:
        source, secret = Path(folder) / "source", Path(folder) / "secret"
        source.mkdir()
        (source / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
        secret.write_text("of the host")
        secret.chmod(0o600)
        try:
            found = {**await _inside(source, secret, execute), "kill": await _kill(source, execute)}
        except WorkbenchError as error:
            return SelfTest(mode, (Probe("start", False, error.message),))
    missing = Probe("", False, "the probe did not report")
    return SelfTest(mode, tuple(_named(name, found.get(name, missing), mode) for name in NAMES))


async def _inside(folder: Path, secret: Path, execute: Execute) -> dict[str, Probe]:
    argv = ("{python}", "-I", "-S", SCRIPT.name, str(LIMITS.processes), str(secret))
    execution = await execute(folder, Command(argv, Path(sys.executable)), LIMITS)
    return {probe.name: probe for line in execution.output.splitlines() if (probe := _parsed(line))}


async def _kill(folder: Path, execute: Execute) -> Probe:
    """A sleeper that left its session and closed its files must die with the run."""
    mark = f"{600 + secrets.randbelow(10**9) / 10**9:.9f}"
    script = f"setsid sleep {mark} </dev/null >/dev/null 2>&1 & trap '' TERM INT HUP; sleep {mark}"
    execution = await execute(folder, Command(("sh", "-c", script)), Limits(wall_s=0.5))
    if await asyncio.to_thread(_lives, mark.encode()):
        return Probe("kill", False, "a process outlived its run")
    return Probe("kill", execution.ended == "timeout", f"ended by {execution.ended}")


def _lives(argument: bytes) -> bool:
    """Whether a process of the host has this argument, after a moment to die."""
    for _ in range(20):
        if not any(argument in _arguments(path) for path in Path("/proc").glob("[0-9]*/cmdline")):
            return False
        time.sleep(0.05)
    return True


def _arguments(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


def _parsed(line: str) -> Probe | None:
    try:
        name, ok, detail = json.loads(line)
    except ValueError:
        return None
    return Probe(str(name), ok is True, str(detail))


def _named(name: str, probe: Probe, mode: str) -> Probe:
    return Probe(name, probe.ok, probe.detail, required=mode == "bwrap" or name not in OWN_KERNEL)
