"""No command: the gates are the tests, each that ran is one."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import Invalid
from app.workspace.adapters.adapter import Prepared
from app.workspace.gates.gate import FINDINGS, GateResult
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits
from app.workspace.sandbox.verdict import Failing, Verdict


class GatesAdapter:
    """For repositories without tests, such as pages of HTML."""

    default: tuple[str, ...] = ()
    names_junit = False
    needs = SandboxLimits()

    def prepare(self, argv: Sequence[str]) -> Prepared:
        raise Invalid("a project whose gates are its tests has no test command", place="test_adapter")

    def read(self, data: bytes) -> Report:
        raise Invalid("gates write no report", place="test_adapter")

    def is_test_file(self, path: str) -> bool:
        return False


def judge_gates(results: Sequence[GateResult]) -> Verdict:
    """Passed when at least one gate looked at the change and all that did are content."""
    bad = [result for result in results if result.outcome != "passed"]
    counted = Verdict(
        outcome="suspect",
        reason="no gate looks at any of the changed files, so nothing shows that they are right",
        tests=len(results),
        failures=len(bad),
        failing=tuple(Failing(f"gate {one.name}", _said(one)) for one in bad),
        duration_s=sum(result.duration_s for result in results),
    )
    if bad:
        return counted.because("failed", f"{len(bad)} of {len(results)} gates did not pass")
    return counted.because("passed", f"{len(results)} gates passed") if results else counted


def _said(result: GateResult) -> str:
    return "\n".join([result.reason, *(one.as_text() for one in result.findings[:FINDINGS])])
