"""What the sandbox adds to one command, beyond copying its files: in one run, turn by turn."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.sandbox import Sandbox
from tests.benchmarks.figures import Figure, Target

ROUNDS, QUICK = 200, 20
ADDED_MS = Target(at_most=20)
COPY = 'tar -c -f - -C "$1" . | tar -x -f - && exec /bin/true'


async def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Medians. The copy alone is two tars and the command, with nothing around them."""
    sandbox = Sandbox()
    await sandbox.self_test()
    who = "root" if os.geteuid() == 0 else "user"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        (source / "app.py").write_text("print(1)\n")
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "copy": lambda: _copy(source),
            "sandbox": lambda: sandbox.run(source, Command(("true",))),
            "with a Python shown": lambda: sandbox.run(source, Command(("true",), Path(sys.executable))),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                await way()
                times[name].append((time.perf_counter() - started) * 1000)
    return [figure for name in list(ways)[1:] for figure in _figures(who, name, times[name], times["copy"])]


def _figures(who: str, name: str, taken: list[float], copy: list[float]) -> list[Figure]:
    """Both medians, and both least times: those are what the machine needs when nothing else disturbs it."""
    added = statistics.median(taken) - statistics.median(copy)
    subject = f"{name}, as {who}"
    return [
        Figure("sandbox", subject, "added, median", added, "ms", ADDED_MS),
        Figure("sandbox", subject, "added, least", min(taken) - min(copy), "ms"),
        Figure("sandbox", subject, "times the copy", statistics.median(taken) / statistics.median(copy), "x"),
    ]


async def _copy(source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec("sh", "-c", COPY, "sh", str(source), cwd=folder)
        await process.wait()


if __name__ == "__main__":
    for one in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)):
        print(f"{one.subject:32} {one.name:16} {one.value:7.2f} {one.unit}")
