"""Receives what the runs of all experiments send, in a process of its own, and writes the keys down."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from app.settings import ROOT
from tests.receiver import Got, Receiver


class Hook:
    """Each experiment sends to a path of its own: `url` and its name."""

    def __init__(self, folder: Path) -> None:
        """Keeps what it gets in `folder`, which it makes."""
        self.folder = folder
        folder.mkdir()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.faults.hook", str(self.folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()


def keys(folder: Path, name: str) -> list[str]:
    """Idempotency keys in the order in which they came, for one experiment."""
    received = folder / name
    return received.read_text().split() if received.exists() else []


async def _serve(folder: Path) -> None:
    def write_down(got: Got) -> None:
        name = got.line.split()[1].lstrip("/")
        with (folder / name).open("a") as received:
            received.write(got.headers["idempotency-key"] + "\n")

    async with Receiver(heard=write_down) as receiver:
        print(receiver.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
