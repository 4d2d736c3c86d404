"""The project `self`: this very checkout, so that Workbench can work on itself."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

from app.pipelines.projects import SELF, ProjectDraft
from app.settings import ROOT
from app.workspace.sandbox.project_limits import SandboxLimits

TEST_COMMAND = (
    *("{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}"),
    *("tests/unit", "tests/db"),
)
"""What can run in a sandbox; much of `tests/e2e` needs sandboxes of its own."""
GATES = ("python", "ruff")
"""Those of them that there are."""
LIMITS = SandboxLimits(
    wall_s=3600,
    cpu_s=1200,
    memory_mb=4096,
    address_space_mb=16384,
    processes=1024,
    file_mb=512,
    work_mb=3072,
    files=400_000,
    open_files=2048,
)
"""Two runners of tests, a Postgres with a database for each test under way, and room for a slow machine."""


def own_project(gates: Collection[str], root: Path = ROOT) -> ProjectDraft | None:
    """None: the service does not run from a git checkout. `gates` are the names of those there are."""
    if not (root / ".git").exists():
        return None
    python = root / ".venv" / "bin" / "python"
    return ProjectDraft(
        name=SELF,
        path=str(root),
        test_command=TEST_COMMAND,
        python=str(python if python.exists() else sys.executable),
        sandbox=LIMITS,
        gates=tuple(name for name in GATES if name in gates),
    )
