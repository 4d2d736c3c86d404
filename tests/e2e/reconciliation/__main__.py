"""`python -m tests.e2e.reconciliation --calls 500`: bill beside ledger. Ends with 1 if they differ."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from app.db import upgrade
from app.embedded import EmbeddedPostgres
from tests.e2e.reconciliation.comparison import Comparison, Line
from tests.e2e.reconciliation.trial import run
from tests.stub.wires import WIRES


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.e2e.reconciliation", description=__doc__)
    words.add_argument("--calls", type=int, default=500)
    words.add_argument("--protocol", choices=sorted(WIRES), action="append")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    sound = True
    for protocol in given.protocol or sorted(WIRES):
        # where the own user of the database gets to
        root = Path(tempfile.mkdtemp(prefix="workbench-reconciliation-", dir="/var/tmp"))
        root.chmod(0o711)
        try:
            with EmbeddedPostgres(root / "postgres") as url:
                upgrade(url)
                found = asyncio.run(run(url, protocol, given.calls, given.seed))
        finally:
            shutil.rmtree(root, ignore_errors=True)
        show(protocol, given.calls, found)
        sound &= not found.wrong
    return 0 if sound else 1


def show(protocol: str, calls: int, found: Comparison) -> None:
    ledger = found.settled + found.open
    print(f"\n{protocol}: {calls} questions")
    print(f"{'':<42}{'attempts':>9}{'tokens':>12}{'dollars':>12}")
    for label, line in {
        "billed by the stub": found.billed,
        "  for attempts that the ledger has settled": found.received,
        "  for attempts that it has open": found.lost,
        "in the ledger, settled": found.settled,
        "in the ledger, open (reserved)": found.open,
        "difference of what is settled": _less(found.settled, found.received),
        "ledger above the bill": _less(ledger, found.billed),
        "budget of the day above the ledger": _less(found.budget, ledger),
    }.items():
        print(f"{label:<42}{line.calls:>9,}{line.tokens:>12,}{line.usd:>12.6f}")
    for each in found.wrong[:20]:
        print(f"  {each}")


def _less(one: Line, other: Line) -> Line:
    return Line(one.calls - other.calls, one.tokens - other.tokens, one.usd - other.usd)


if __name__ == "__main__":
    sys.exit(main())
