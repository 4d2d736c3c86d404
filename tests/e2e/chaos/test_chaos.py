"""The short form of the chaos program: under fire nothing is lost and nothing is done twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from app.settings import ROOT

LIMIT_S = 240
"""Ends a program that hangs; a machine that does nothing else needs less than a minute."""


def test_runs_survive_killed_and_frozen_workers_and_a_database_that_stops(tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    arguments = ["--runs", "24", "--workers", "3", "--seed", "7", "--pace", "2", "--json", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.chaos", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    figures = json.loads(report.read_text())
    assert figures["violations"] == [], done.stdout
    assert done.returncode == 0
    assert figures["lost"] == figures["duplicated_artifacts"] == figures["duplicated_commits"] == 0
    assert figures["kills"] + figures["freezes"] + figures["freezes_at_checkpoints"] > 0
