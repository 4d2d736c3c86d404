"""A real llama.cpp server in a process of its own, for the length of a block."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.settings import ROOT


@asynccontextmanager
async def llama(context: int = 1_024, seconds: int = 60) -> AsyncIterator[str]:
    """The URL of a server that ends with the block, and by itself after so many seconds."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.tiny_llama", "--context", str(context), "--seconds", str(seconds),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        yield (await server.stdout.readline()).decode().strip()
    finally:
        server.terminate()
        await server.wait()
