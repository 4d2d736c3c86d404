"""Tries the sandbox's walls from inside before anything foreign runs in it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import WorkbenchError
from app.workspace.sandbox.execution import Command, Execution
from app.workspace.sandbox.limits import Limits

Execute = Callable[[Path, Command, Limits], Awaitable[Execution]]
SCRIPT = Path(__file__).with_name("probes.py")
NAMES = (
    "capabilities",
    "network",
    "proc_sys",
    "environment",
    "parent_environment",
    "write_outside",
    "processes",
    "kill",
    "seccomp",
    "user_namespaces",
)
LIMITS = Limits(wall_s=20, processes=24, output_bytes=64 * 1024)


@dataclass(frozen=True)
class Probe:
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class SelfTest:
    mode: str
    probes: tuple[Probe, ...]

    @property
    def ok(self) -> bool:
        return bool(self.probes) and all(probe.ok for probe in self.probes)

    def failed(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if not probe.ok)

    def summary(self) -> str:
        """One line for a person."""
        if self.ok:
            return f"the sandbox ({self.mode}) passed all {len(self.probes)} probes"
        found = "; ".join(f"{probe.name}: {probe.detail}" for probe in self.failed())
        return f"the sandbox ({self.mode}) is not safe here, so nothing is run: {found}"


async def probe_all(mode: str, execute: Execute) -> SelfTest:
    """Run every probe. One that did not report has failed."""
    with tempfile.TemporaryDirectory(prefix="workbench-probes-") as folder:
        (Path(folder) / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
        try:
            found = {**await _inside(Path(folder), execute), "kill": await _kill(Path(folder), execute)}
        except WorkbenchError as error:
            return SelfTest(mode, (Probe("start", False, error.message),))
    missing = Probe("", False, "the probe did not report")
    return SelfTest(mode, tuple(Probe(name, *_result(found.get(name, missing))) for name in NAMES))


async def _inside(folder: Path, execute: Execute) -> dict[str, Probe]:
    argv = ("{python}", "-I", "-S", SCRIPT.name, str(LIMITS.processes))
    execution = await execute(folder, Command(argv, Path(sys.executable)), LIMITS)
    return {probe.name: probe for line in execution.output.splitlines() if (probe := _parsed(line))}


async def _kill(folder: Path, execute: Execute) -> Probe:
    """A sleeper that left its session must die with the run; the run itself reports survivors as an error."""
    script = "setsid sleep 600 & trap '' TERM INT HUP; sleep 600"
    execution = await execute(folder, Command(("sh", "-c", script)), Limits(wall_s=0.3))
    return Probe("kill", execution.ended == "timeout", f"ended by {execution.ended}")


def _parsed(line: str) -> Probe | None:
    try:
        name, ok, detail = json.loads(line)
    except ValueError:
        return None
    return Probe(str(name), ok is True, str(detail))


def _result(probe: Probe) -> tuple[bool, str]:
    return probe.ok, probe.detail
