"""Where outages take place: a Postgres on a small disk, a slow model, a project, and one worker process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.pipelines.creation import Pinned
from app.services import open_services
from app.settings import ROOT, Settings
from tests.e2e.chaos.model import Model
from tests.e2e.outages.disk import Disk, NoDisk
from tests.e2e.outages.kinds import Site
from tests.e2e.postgres import Server
from tests.e2e.target import Belongings, environment, furnish, settings_of
from tests.stub.shapes import Reply

LEASE_S = 3.0
CONCURRENCY = 6
ANSWER_S = 0.4
"""How long the model thinks, so that an outage finds questions under way."""
END_WITHIN_S = 20
CLOCK = os.sysconf("SC_CLK_TCK")


class Thinking(Model):
    """Answers well, after a while."""

    def __init__(self) -> None:
        super().__init__(seed=1, fault_share=0)

    async def _send(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(ANSWER_S)
        return await super()._send(reply, reader, writer)


class Worker:
    """`workbench worker` as a person starts it."""

    def __init__(self, settings: Settings, log: Path) -> None:
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "worker"],
                cwd=ROOT,
                env=environment(settings),
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.log = log

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def cpu_s(self) -> float:
        """Seconds of computing so far."""
        with suppress(FileNotFoundError):
            words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
            return (int(words[11]) + int(words[12])) / CLOCK
        return 0.0

    def log_size(self) -> int:
        return self.log.stat().st_size

    def errors(self, since: int) -> int:
        """Lines of the log that tell of a fault of ours, from that place on."""
        lines = self.log.read_bytes()[since:].splitlines()
        return [json.loads(line)["level"] for line in lines if line.startswith(b"{")].count("error")

    def end(self) -> int:
        """Tell it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@dataclass(frozen=True)
class Workshop:
    site: Site
    why_no_disk: str
    model: Model
    belongings: Belongings
    pinned: Pinned
    worker: Worker


@asynccontextmanager
async def open_workshop() -> AsyncIterator[Workshop]:
    """Gone without a trace at the end of the block."""
    root = await asyncio.to_thread(_folder)
    disk, why = _disk(root / "disk")
    server = Server(root / "disk" / "database")
    try:
        await asyncio.to_thread(server.start)
        async with Thinking() as model:
            settings = settings_of(
                root, server.url, model.url, lease_s=LEASE_S, worker_concurrency=CONCURRENCY
            )
            belongings = Belongings(root)
            async with open_services(settings) as services:
                pinned = await furnish(services, belongings.person, timeout_s=30)
            worker = Worker(settings, root / "worker.log")
            try:
                yield Workshop(Site(server, disk), why, model, belongings, pinned, worker)
            finally:
                await asyncio.to_thread(worker.end)
    finally:
        await asyncio.to_thread(server.release)
        if disk is not None:
            disk.remove()
        shutil.rmtree(root, ignore_errors=True)


def _folder() -> Path:
    """One that the database's and the sandbox's own users can reach."""
    root = Path(tempfile.mkdtemp(prefix="workbench-outages-", dir="/var/tmp"))
    root.chmod(0o711)
    return root


def _disk(folder: Path) -> tuple[Disk | None, str]:
    """The disk, or why there is none; the folder is there in both cases."""
    try:
        return Disk(folder), ""
    except NoDisk as error:
        folder.mkdir(mode=0o711, exist_ok=True)
        return None, str(error)
