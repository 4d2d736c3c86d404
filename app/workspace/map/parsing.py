"""Has files parsed by processes of their own: the parser holds the interpreter's lock, and may crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.settings import ROOT
from app.workspace.map.outline import Key, Outline

PROCESSES = 2
WORTH_TWO = 100
"""Files from which a second process pays for its start."""
TIMEOUT_S = 60.0
MAX_DEATHS = 3
"""Files that may end their process; what is behind the last is not parsed."""
MAX_LINE = 4 * 1024 * 1024
_ARGV = [sys.executable, "-X", "utf8", "-m", "app.workspace.map.child"]


@dataclass(frozen=True)
class Source:
    """The content of one file, to be parsed."""

    blob: str
    language: str
    data: bytes

    @property
    def key(self) -> Key:
        return self.blob, self.language


async def outlines(sources: Sequence[Source]) -> dict[Key, Outline]:
    """What ends its process or takes too long is `broken`; some may be missing behind it."""
    count = min(PROCESSES, os.cpu_count() or 1) if len(sources) >= WORTH_TWO else 1
    parts = await asyncio.gather(*(_part(sources[start::count]) for start in range(count)))
    return {key: one for part in parts for key, one in part.items()}


async def _part(sources: Sequence[Source]) -> dict[Key, Outline]:
    found: dict[Key, Outline] = {}
    for _ in range(MAX_DEATHS):
        rest = [source for source in sources if source.key not in found]
        if not rest:
            break
        answers = await _ask(rest)
        found |= {source.key: answer for source, answer in zip(rest, answers, strict=False)}
        if len(answers) < len(rest):
            found[rest[len(answers)].key] = Outline(broken=True)
    return found


async def _ask(sources: Sequence[Source]) -> list[Outline]:
    """The outlines up to the file that ends the process, if one does."""
    process = await asyncio.create_subprocess_exec(
        *_ARGV,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        limit=MAX_LINE,
    )
    answers: list[Outline] = []
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.gather(_feed(process, sources), _collect(process, answers))
                await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
    return answers


async def _feed(process: asyncio.subprocess.Process, sources: Sequence[Source]) -> None:
    assert process.stdin is not None  # noqa: S101  it is a pipe
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):  # it ended; the answers tell where
        for source in sources:
            process.stdin.write(f"{source.language} {len(source.data)}\n".encode() + source.data)
            await process.stdin.drain()
        process.stdin.close()


async def _collect(process: asyncio.subprocess.Process, answers: list[Outline]) -> None:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    with suppress(ValueError, KeyError, TypeError):  # half a line is all that a killed process left
        while line := await process.stdout.readline():
            answers.append(Outline.from_json(json.loads(line)))
