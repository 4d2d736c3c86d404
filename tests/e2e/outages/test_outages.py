"""The short form of the outages: whatever the database does, the worker stays and the runs succeed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from app.settings import ROOT

CHOICE = ("read-only", "disk full", "no connections")
"""The others stop and end sessions, as the short form of chaos does."""
LIMIT_S = 240
"""Ends a program that hangs; half a minute is enough on a busy machine."""


def test_runs_outlive_a_database_that_goes_away(tmp_path: Path) -> None:
    report = tmp_path / "findings.json"
    chosen = [argument for name in CHOICE for argument in ("--only", name)]
    arguments = ["--down-s", "1", "--runs", "4", "--json", str(report), *chosen]
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.outages", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    findings = json.loads(report.read_text())
    assert [finding["outage"] for finding in findings] == list(CHOICE)
    assert all(finding["skipped"] or finding["succeeded"] == 4 for finding in findings)
