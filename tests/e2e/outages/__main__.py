"""`python -m tests.e2e.outages`: the database goes away in every way we know. Ends with 1 on a breach."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

from tests.e2e.outages.disk import NoDisk, go_apart
from tests.e2e.outages.experiment import Finding, conduct, warm_up
from tests.e2e.outages.kinds import KINDS
from tests.e2e.outages.workshop import open_workshop

HIDDEN = ("outage", "skipped", "breaches")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.outages", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(KINDS), help="just this one; repeatable")
    parser.add_argument("--down-s", type=float, default=30.0, help="how long each outage lasts")
    parser.add_argument("--runs", type=int, default=12, help="runs under way in each")
    parser.add_argument("--log", type=Path, help="keep what the worker said there")
    parser.add_argument("--json", type=Path, help="write the findings there too")
    options = parser.parse_args()
    with suppress(NoDisk):  # said once more where a disk is needed
        go_apart()
    started = time.monotonic()
    findings = asyncio.run(_run(options))
    _show(findings)
    print(f"{len(findings)} outages in {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([asdict(finding) for finding in findings], indent=1))
    return 1 if any(finding.breaches for finding in findings) else 0


async def _run(options: argparse.Namespace) -> list[Finding]:
    """A program that is told to stop takes its worker and its Postgres with it."""
    task = asyncio.create_task(_conduct_all(options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _conduct_all(options: argparse.Namespace) -> list[Finding]:
    findings = []
    async with open_workshop() as workshop:
        try:
            await warm_up(workshop)
            for name in options.only or KINDS:
                findings.append(await conduct(workshop, name, options.runs, options.down_s))
                for breach in findings[-1].breaches:
                    print(f"BROKEN {name}: {breach}", flush=True)
        finally:
            if options.log:
                options.log.write_bytes(workshop.worker.log.read_bytes())
    return findings


def _show(findings: list[Finding]) -> None:
    columns = [field.name for field in fields(Finding) if field.name not in HIDDEN]
    print(f"{'outage':<16}" + "".join(f"{column.replace('_', ' '):>12}" for column in columns))
    for finding in findings:
        if finding.skipped is not None:
            print(f"{finding.outage:<16}SKIPPED: {finding.skipped}")
            continue
        values = asdict(finding)
        print(f"{finding.outage:<16}" + "".join(f"{values[column]:>12}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
