"""`python -m tests.e2e.chaos --runs 1000 --workers 3`: a table, JSON, and exit code 1 on any breach."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from tests.e2e.chaos.mutations import GUARDS
from tests.e2e.chaos.options import Figures, Options
from tests.e2e.chaos.program import experiment


def main() -> int:
    given = _arguments()
    kept = {"runs", "workers", "seed", "without", "lease_s", "stall_s", "concurrency", "pace"}
    options = Options(**{name: value for name, value in vars(given).items() if name in kept})
    figures = asyncio.run(_run(options))
    _show(figures)
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(figures), indent=1) + "\n")
    return 0 if figures.is_sound else 1


async def _run(options: Options) -> Figures:
    """A program that is told to stop takes its workers and its Postgres with it."""
    task = asyncio.create_task(experiment(options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _arguments() -> argparse.Namespace:
    standard = Options()
    words = argparse.ArgumentParser(prog="python -m tests.e2e.chaos", description=__doc__)
    words.add_argument("--runs", type=int, default=standard.runs)
    words.add_argument("--workers", type=int, default=standard.workers)
    words.add_argument(
        "--concurrency", type=int, default=standard.concurrency, help="runs per worker at once"
    )
    words.add_argument("--seed", type=int, default=standard.seed)
    words.add_argument("--lease-s", type=float, default=standard.lease_s)
    words.add_argument("--pace", type=float, default=standard.pace, help="faults are so many times rarer")
    words.add_argument("--stall-s", type=float, default=standard.stall_s, help="no progress so long: lost")
    guards = "; ".join(f"{name}: {guard.means}" for name, guard in GUARDS.items())
    words.add_argument("--without", choices=sorted(GUARDS), help=f"switch a guard off ({guards})")
    words.add_argument("--json", type=Path, help="write the figures to this file")
    return words.parse_args()


def _show(figures: Figures) -> None:
    for name, value in asdict(figures).items():
        if name not in ("options", "violations"):
            print(f"{name.replace('_', ' '):28} {value}")
    for violation in figures.violations:
        print(f"BROKEN {violation}")
    print("every promise was kept" if figures.is_sound else f"{len(figures.violations)} promises were broken")


sys.exit(main())
