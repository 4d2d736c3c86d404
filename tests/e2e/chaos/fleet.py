"""The workers: started, killed, frozen and thawed by the number of their process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.settings import ROOT


class Fleet:
    """Workers of one nursery. Each is the leader of a process group of its own."""

    def __init__(self, logs: Path, environment: Mapping[str, str], without: str | None) -> None:
        self._logs = logs
        self._environment = environment
        self._without = without
        self._nursery: asyncio.subprocess.Process | None = None
        self.pids: list[int] = []
        self.frozen: set[int] = set()
        self.started = 0

    async def open(self) -> None:
        arguments = [str(self._logs), *([self._without] if self._without else [])]
        with (self._logs / "nursery.log").open("wb") as said:
            self._nursery = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.e2e.chaos.nursery", *arguments,
                cwd=ROOT, env=dict(self._environment), start_new_session=True,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=said,
            )  # fmt: skip
        await self._answer()

    async def start(self) -> int:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(b"\n")
        pid = int(await self._answer())
        self.pids.append(pid)
        self.started += 1
        return pid

    def kill(self, pid: int, *, tree: bool) -> None:
        """SIGKILL to the worker's process group; with `tree` to everything that it started, too."""
        victims = [pid, *(descendants(pid) if tree else ())]
        self._forget(pid)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        for victim in victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    def freeze(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
        self.frozen.add(pid)

    def freeze_at_checkpoint(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)

    def thaw(self, pid: int) -> None:
        self.frozen.discard(pid)
        if pid in self.pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)

    def stopped(self) -> list[int]:
        """Workers that stand still without our having frozen them: they stopped in a checkpoint."""
        return [pid for pid in self.pids if pid not in self.frozen and state(pid) == "T"]

    def dead(self) -> list[int]:
        return [pid for pid in self.pids if state(pid) in ("", "Z")]

    def bury(self, pid: int) -> None:
        self._forget(pid)

    async def drain(self, within_s: float) -> list[int]:
        """Tell all to stop and wait for them. Returns those that did not."""
        for pid in self.pids:
            self.thaw(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = asyncio.get_running_loop().time() + within_s
        while any(state(pid) not in ("", "Z") for pid in self.pids):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
        return [pid for pid in self.pids if state(pid) not in ("", "Z")]

    def strays(self) -> list[str]:
        """What the workers left running: orphans are children of the nursery."""
        assert self._nursery is not None
        return [f"{pid} ({state(pid)}) {command(pid)}" for pid in descendants(self._nursery.pid)]

    async def close(self) -> None:
        assert self._nursery is not None
        for pid in [*descendants(self._nursery.pid), self._nursery.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._nursery.wait()

    async def _answer(self) -> str:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        line = (await self._nursery.stdout.readline()).decode().strip()
        if not line:
            raise RuntimeError((self._logs / "nursery.log").read_text()[-2000:])
        return line

    def _forget(self, pid: int) -> None:
        self.frozen.discard(pid)
        self.pids = [other for other in self.pids if other != pid]


def state(pid: int) -> str:
    """The letter of the process's state; empty: there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def command(pid: int) -> str:
    """Its words, or only its name when it is a zombie."""
    with suppress(OSError):
        words = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            or Path(f"/proc/{pid}/stat").read_bytes()
        )
        return words.decode(errors="replace")[:100]
    return ""


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found
