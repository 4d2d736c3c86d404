"""`python -m tests.e2e.faults`: every effect of a run in every mode. Ends with 1 when a promise broke."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from app.embedded import EmbeddedPostgres
from tests.e2e.faults.experiment import Finding, census, conduct
from tests.e2e.faults.hook import Hook
from tests.e2e.faults.laboratory import Laboratory
from tests.e2e.faults.modes import Fault, Mode
from tests.remotes.http import GitProcess

MOST = 12
"""Renewals and commits of chores come with the clock: a slow machine reaches them again and again."""


def every_fault(counts: Counter[str], most: int) -> Iterator[Fault]:
    """Each time that each effect is reached, in each mode; `most` bounds the times."""
    for effect, count in sorted(counts.items()):
        for number in range(1, min(count, most) + 1):
            yield from (Fault(effect, number, mode) for mode in Mode)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.faults", description=__doc__)
    parser.add_argument("--only", default="", help="effects that begin with this")
    parser.add_argument("--fault", action="append", help="just this one, as effect:number:mode; repeatable")
    parser.add_argument("--database-url", help="a server to make databases on; else one of its own")
    parser.add_argument("--most", type=int, default=MOST, help="times that an effect is tried at most")
    parser.add_argument("--at-once", type=int, default=2, help="experiments at once")
    parser.add_argument("--json", type=Path, help="write the findings there too")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="workbench-faults-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        if options.database_url:
            return _conduct_all(options.database_url, folder, options)
        with EmbeddedPostgres(folder / "postgres") as url:
            return _conduct_all(url, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _conduct_all(url: str, folder: Path, options: argparse.Namespace) -> int:
    with Hook(folder / "received") as hook, GitProcess(folder / "remotes") as remote:
        return _conduct_in(Laboratory(url, folder, hook.url, remote.root, remote.host), hook.folder, options)


def _conduct_in(laboratory: Laboratory, received: Path, options: argparse.Namespace) -> int:
    started = time.monotonic()
    laboratory.prepare()
    counts = census(laboratory)
    faults = _chosen(counts, options)
    reached = sum(counts.values())
    print(f"{len(counts)} effects, reached {reached} times; {len(faults)} experiments", flush=True)
    findings = []
    with ProcessPoolExecutor(options.at_once, mp_context=get_context("forkserver")) as pool:
        under_way = [
            pool.submit(conduct, laboratory, fault, f"bench-{number}", received)
            for number, fault in enumerate(faults)
        ]
        for done in as_completed(under_way):
            findings.append(done.result())
            _tell(findings[-1], len(findings), len(faults))
    _summarise(findings, time.monotonic() - started)
    if options.json:
        options.json.write_text(json.dumps([asdict(finding) for finding in findings], indent=1))
    return 1 if any(finding.faults for finding in findings) else 0


def _chosen(counts: Counter[str], options: argparse.Namespace) -> list[Fault]:
    if not options.fault:
        return [fault for fault in every_fault(counts, options.most) if fault.effect.startswith(options.only)]
    named = [text.split(":") for text in options.fault]
    return [Fault(effect, int(number), Mode(mode)) for effect, number, mode in named]


def _tell(finding: Finding, number: int, total: int) -> None:
    if finding.faults:
        print(f"[{number}/{total}] {finding.fault}: {'; '.join(finding.faults)}", flush=True)
    elif number % 20 == 0:
        print(f"[{number}/{total}]", flush=True)


def _summarise(findings: list[Finding], seconds: float) -> None:
    columns = ("mode", "experiments", "succeeded", "failed", "abandoned", "sent again", "violations")
    print("".join(f"{column:>12}" for column in columns))
    for mode in Mode:
        of_mode = [finding for finding in findings if finding.fault.mode is mode]
        states = Counter(finding.state for finding in of_mode)
        figures = (
            len(of_mode),
            states["succeeded"],
            states["failed"],
            sum(finding.abandoned for finding in of_mode),
            sum(max(0, finding.sent - 1) for finding in of_mode),
            sum(bool(finding.faults) for finding in of_mode),
        )
        print(f"{mode:>12}" + "".join(f"{figure:>12}" for figure in figures))
    print(f"{len(findings)} experiments in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
