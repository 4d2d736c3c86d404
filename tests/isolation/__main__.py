"""`python -m tests.isolation`: tries every case as this user, as root also as nobody; a table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests.isolation.cases import ABUSES, PITFALLS, Case

ROOT = Path(__file__).parents[2]
Outcomes = dict[str, Counter[str]]
"""Name of the test → how often it passed, failed and was skipped."""


def main() -> int:
    cases = {f"pitfall {number}": case for number, case in PITFALLS.items()}
    cases |= {f"case {number}": case for number, case in ABUSES.items()}
    nodes = sorted({node for case in cases.values() for node in case.nodes()})
    mine = "root" if os.geteuid() == 0 else "ordinary user"
    found = {mine: _run([sys.executable], nodes)}
    if os.geteuid() == 0:
        other = _python_of_all()
        if other:
            found["ordinary user"] = _run(_as_nobody(other), nodes)
        else:
            print("an ordinary user is not tried: /usr/bin/python3 is not this version of Python")
    _show(cases, found)
    return int(any(counts["failed"] for outcomes in found.values() for counts in outcomes.values()))


def _run(python: list[str], nodes: list[str]) -> Outcomes:
    with tempfile.TemporaryDirectory(prefix="workbench-isolation-") as folder:
        Path(folder).chmod(0o777)
        options = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", f"--basetemp={folder}/tmp"]
        argv = [*python, *options, f"--junitxml={folder}/junit.xml", *nodes]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        try:
            tree = ET.parse(f"{folder}/junit.xml")  # noqa: S314 - pytest wrote it just now
        except OSError:
            raise SystemExit(f"the tests did not run:\n{done.stdout}{done.stderr}") from None
    outcomes: Outcomes = {}
    for test in tree.iter("testcase"):
        ended = next((child.tag for child in test if child.tag in ("failure", "error", "skipped")), "passed")
        name = test.get("name", "").partition("[")[0]
        outcomes.setdefault(name, Counter())[{"failure": "failed", "error": "failed"}.get(ended, ended)] += 1
    return outcomes


def _as_nobody(python: str) -> list[str]:
    """A user without any right, whose packages are those of this environment."""
    packages = sysconfig.get_path("purelib")
    env = ["env", "-i", "PATH=/usr/bin:/bin", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1"]
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *env, python]


def _python_of_all() -> str | None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        return None
    asked = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
    )
    return python if asked.stdout.split() == [str(part) for part in sys.version_info[:2]] else None


def _show(cases: dict[str, Case], found: dict[str, Outcomes]) -> None:
    print(f"| what | | {' | '.join(found)} |\n|---|---|{'---|' * len(found)}")
    for name, case in cases.items():
        cells = []
        for outcomes in found.values():
            tests = {node.rpartition("::")[2] for node in case.nodes()}
            counts = sum((outcomes.get(test, Counter({"missing": 1})) for test in tests), Counter[str]())
            cells.append(", ".join(f"{number} {ended}" for ended, number in sorted(counts.items())))
        print(f"| {name} | {case.what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(main())
