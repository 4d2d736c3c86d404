"""Any command that writes JUnit XML to `{junit}`."""

from __future__ import annotations

from collections.abc import Sequence

from app.workspace.adapters.adapter import Prepared
from app.workspace.sandbox import junit
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits


class JUnitAdapter:
    """Runs the command as it stands."""

    default: tuple[str, ...] = ("make", "test", "JUNIT={junit}")
    names_junit = True
    needs = SandboxLimits()

    def prepare(self, argv: Sequence[str]) -> Prepared:
        return Prepared(tuple(argv))

    def read(self, data: bytes) -> Report:
        return junit.read(data)

    def is_test_file(self, path: str) -> bool:
        return "test" in path.lower() or "spec" in path.lower()
