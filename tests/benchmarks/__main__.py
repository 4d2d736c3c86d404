"""`python -m tests.benchmarks [names] [--json FILE] [--quick]`: measures, and prints tables."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import context, endurance, engines, growth, overhead, report, sandbox
from tests.benchmarks.contenders import MODULES
from tests.benchmarks.economy import benchmark as economy
from tests.benchmarks.figures import Figure
from tests.benchmarks.server import Server, serving

BENCHMARKS = ("engines", "growth", "memory", "idle", "overhead", "economy", "context", "sandbox")


def main(arguments: Sequence[str] | None = None) -> int:
    """0: measured. A missed target is a result, not a failure."""
    options = _options(arguments)
    with serving(options.database_url) as server:
        about = report.machine(server.settings())
        figures, notes = asyncio.run(_measure(server, options))
    print(report.as_text(about, figures, notes))
    if options.json:
        report.write_json(options.json, about, figures, notes)
    return 0


async def _measure(server: Server, options: argparse.Namespace) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    notes: list[str] = []
    quick = options.quick
    if "engines" in options.names:
        size = replace(engines.QUICK if quick else engines.FULL, **_given(rounds=options.rounds))
        figures += await engines.run(server, options.contenders, size, _log)
    if "growth" in options.names:
        chosen = growth.QUICK if quick else growth.FULL
        steps = tuple(step for step in chosen.steps if step <= options.growth_max)
        grown, notes = await growth.run(server, replace(chosen, steps=steps), _log)
        figures += grown
    if "memory" in options.names:
        figures += await endurance.memory(server, endurance.QUICK if quick else endurance.FULL, _log)
    if "idle" in options.names:
        figures += await endurance.idle(server, endurance.QUICK if quick else endurance.FULL, _log)
    if "economy" in options.names:
        counted, said = await economy.measure(server, _log)
        figures += counted
        notes += said
    if "overhead" in options.names:
        chosen_size = overhead.QUICK if quick else overhead.FULL
        figures += await overhead.overhead(server, chosen_size, _log)
    if "context" in options.names:
        figures += await context.context(server, context.QUICK if quick else context.FULL, _log)
    if "sandbox" in options.names:
        figures += await sandbox.measure(sandbox.QUICK if quick else sandbox.ROUNDS)
    return figures, notes


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    parser.add_argument("--quick", action="store_true", help="a few runs of each, to see that it works")
    parser.add_argument("--database-url", metavar="URL", help="a server to use in place of an embedded one")
    parser.add_argument("--contenders", metavar="A,B", default=",".join(MODULES), type=_contenders)
    parser.add_argument("--rounds", type=int, help="rounds of the engines; figures are medians")
    parser.add_argument("--growth-max", type=int, default=1_000_000, metavar="RUNS")
    options = parser.parse_args(arguments)
    options.names = options.names or list(BENCHMARKS)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    return options


def _contenders(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in MODULES:
            raise argparse.ArgumentTypeError(f"no contender {name!r}; there are: {', '.join(MODULES)}")
    return names


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
