"""One worker process of a contender: `python -m tests.benchmarks.work NAME CONCURRENCY`."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.benchmarks.contenders import contender

URL = "BENCHMARK_DATABASE_URL"
PREPARE = "prepare"

if __name__ == "__main__":
    name, what = sys.argv[1:]
    chosen = contender(name)
    url = os.environ[URL]
    asyncio.run(chosen.prepare(url) if what == PREPARE else chosen.work(url, int(what)))
