"""`python -m tests.abuse`: runs the tests of all abuse cases and prints by group what held."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from tests.abuse.catalogue import GROUPS, Case, Group

TESTS = Path(__file__).parents[1]


class Tally:
    """Counts attempts by case, and how they ended."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        for number in dict(report.user_properties).get("abuse", ()):
            self.outcomes.setdefault(number, Counter())[report.outcome] += 1

    def of(self, cases: Sequence[Case]) -> Counter[str]:
        return sum((self.outcomes.get(case.number, Counter()) for case in cases), Counter())


def main(arguments: Sequence[str]) -> int:
    tally = Tally()
    files = [str(path) for path in sorted(TESTS.rglob("test_*.py")) if _is_marked(path)]
    wanted = [one for one in arguments if one != "--cases"]
    code = pytest.main(["-m", "abuse", "--dist=loadfile", *wanted, *files], plugins=[tally])
    console = Console(width=140)
    console.print(_by_group(tally))
    console.print(_by_case(tally) if "--cases" in arguments else "", end="")
    unshown = [case.number for group in GROUPS for case in group.cases if not _is_accounted(case, tally)]
    if unshown:
        console.print(f"no test shows: {unshown}")
    return int(code) or bool(unshown)


def _is_marked(path: Path) -> bool:
    return re.search(r"mark\.abuse\(", path.read_text("utf-8")) is not None


def _is_accounted(case: Case, tally: Tally) -> bool:
    return bool(case.absent) != bool(tally.outcomes.get(case.number))


def _by_group(tally: Tally) -> Table:
    names = ("group", "cases", "shown", "without a test", "attempts", "held", "broken", "skipped")
    table = Table(*names, box=box.MARKDOWN)
    for group in (*GROUPS, Group("all", tuple(case for one in GROUPS for case in one.cases))):
        counts = tally.of(group.cases)
        shown = sum(case.number in tally.outcomes for case in group.cases)
        absent = sum(bool(case.absent) for case in group.cases)
        ends = [counts[end] for end in ("passed", "failed", "skipped")]
        table.add_row(group.name, *map(str, (len(group.cases), shown, absent, counts.total(), *ends)))
    return table


def _by_case(tally: Tally) -> Table:
    table = Table("case", "tried", "must happen", "held", box=box.MARKDOWN)
    for case in (case for group in GROUPS for case in group.cases):
        counts = tally.of([case])
        held = case.absent or f"{counts['passed']} of {counts.total()}"
        table.add_row(str(case.number), case.tried, case.must, held)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
