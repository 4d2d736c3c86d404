"""A choice of the faults that `python -m tests.e2e.faults` tries all of."""

from __future__ import annotations

import subprocess
import sys

from app.settings import ROOT

CHOICE = (
    "model.call:1:after",  # paid, and nobody wrote the answer down
    "file.rename:2:die",  # half of the files are in their place
    "sandbox.wait:1:zombie",
    "database.checkpoint:3:after",  # the test phase is closed, and nobody knows
    "database.checkpoint:2:raise",
    "git.commit-tree:1:zombie",  # two workers commit
    "git.update-ref:1:after",  # the branch is there, and nobody wrote it down
    "git.update-ref:1:raise",
    "git.push:1:after",  # the remote has it, and nobody wrote it down
    "delivery.send:1:after",  # it has arrived, and nobody wrote it down
)
LIMIT_S = 400


def test_a_run_survives_faults_at_its_effects(server_url: str) -> None:
    faults = [argument for fault in CHOICE for argument in ("--fault", fault)]
    command = [sys.executable, "-m", "tests.e2e.faults", "--database-url", server_url, *faults]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CHOICE)} experiments in" in done.stdout
