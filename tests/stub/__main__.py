"""`python -m tests.stub --port 0 --protocol anthropic --script FILE`: prints its URL and serves."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from tests.stub.scenarios import NAMES
from tests.stub.script import entries
from tests.stub.server import Stub
from tests.stub.wires import WIRES


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.stub", description=__doc__)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--protocol", choices=sorted(WIRES), default="anthropic")
    words.add_argument(
        "--script", type=Path, help="a cassette; its answers are served in the order of the file"
    )
    words.add_argument("--scenario", action="append", choices=NAMES, help="in order; the last one stays")
    words.add_argument("--seconds", type=float, default=600.0, help="ends after this time at the latest")
    asyncio.run(serve(words.parse_args()))


async def serve(given: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    script = entries(given.script) if given.script else None
    async with Stub(given.protocol, *(given.scenario or ()), script=script, port=given.port) as stub:
        print(stub.url, flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), given.seconds)


main()
