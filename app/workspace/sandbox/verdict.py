"""What a test run proves: the JUnit file, the exit code and the way it ended must all agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.errors import Invalid
from app.workspace.sandbox import junit
from app.workspace.sandbox.execution import Ended, Execution
from app.workspace.sandbox.output import last

FAILING = 20
MISSING = 50
OUTPUT_BYTES = 4000
NAMES_SHOWN = 5
NO_SANDBOX = " (ran without a sandbox)"

Outcome = Literal["passed", "failed", "suspect"]
Read = Callable[[bytes], junit.Report]
"""Raises `Invalid` for what can not be read."""

LIMIT_REASONS: dict[Ended, str] = {
    "timeout": "the tests ran out of time",
    "cpu": "the tests used up their CPU time",
    "memory": "the tests used more memory than allowed",
    "files": "the tests made more files than allowed",
}


@dataclass(frozen=True)
class Failing:
    name: str
    message: str


@dataclass(frozen=True)
class Required:
    """What the tests of the base commit said, and so what those of a change have to say at least."""

    tests: int = 0
    passed: tuple[str, ...] = ()
    """Names; one that several tests have stands here once for each."""


NOTHING = Required()


@dataclass(frozen=True)
class Verdict:
    """`suspect` means: nothing failed, and yet it is not shown that the tests passed."""

    outcome: Outcome
    reason: str
    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    failing: tuple[Failing, ...] = ()
    exit_code: int | None = None
    ended: Ended = "exit"
    duration_s: float = 0.0
    output_tail: str = ""
    missing: tuple[str, ...] = ()
    """Tests that passed before and do not now."""
    names: tuple[str, ...] = ()
    """Of the tests that passed."""
    reported: bool = False
    """There is a report that could be read, perhaps of no test."""
    base_tests: int | None = None
    """Tests of the base commit; None: there was nothing to compare with."""
    control_tests: int | None = None
    """Tests that had to fail and did; None: there was no control run."""
    unsandboxed: bool = False

    @property
    def passed(self) -> int:
        return self.tests - self.failures - self.errors - self.skipped

    def because(self, outcome: Outcome, reason: str) -> Verdict:
        """The same with another outcome."""
        return replace(self, outcome=outcome, reason=f"{reason}{NO_SANDBOX if self.unsandboxed else ''}")

    def as_json(self) -> dict[str, Any]:
        """The body of the artifact `test_results`."""
        return {
            "outcome": self.outcome,
            "tests": self.tests,
            "passed": self.passed,
            "failures": self.failures,
            "errors": self.errors,
            "skipped": self.skipped,
            "failing": [{"name": each.name, "message": each.message} for each in self.failing],
            "reason": self.reason,
            "exit_code": self.exit_code,
            "ended": self.ended,
            "duration_s": round(self.duration_s, 3),
            "output_tail": self.output_tail,
            "base_tests": self.base_tests,
            "control_tests": self.control_tests,
            "missing": list(self.missing[:MISSING]),
            "missing_total": len(self.missing),
        }


def judge(execution: Execution, read: Read = junit.read, required: Required = NOTHING) -> Verdict:
    """Computes (a second for a JUnit file of 8 MiB), so call it in a thread."""
    report, complaint = _report(execution, read)
    missing = _missing(report, required) if report else ()
    outcome, reason = _decide(execution, report, complaint, required, missing)
    verdict = Verdict(
        outcome=outcome,
        reason=f"{reason}{NO_SANDBOX}" if execution.unsandboxed else reason,
        exit_code=execution.exit_code,
        ended=execution.ended,
        duration_s=execution.duration_s,
        output_tail=last(execution.output, OUTPUT_BYTES),
        missing=missing,
        unsandboxed=execution.unsandboxed,
    )
    return _counted(verdict, report) if report else verdict


def _report(execution: Execution, read: Read) -> tuple[junit.Report | None, str]:
    if execution.junit is None:
        return None, "no JUnit file was written"
    try:
        return read(execution.junit), ""
    except Invalid as error:
        return None, error.message


def _missing(report: junit.Report, required: Required) -> tuple[str, ...]:
    """Counted, because several tests may have one name."""
    return tuple(sorted((Counter(required.passed) - Counter(report.names("passed"))).elements()))


def _decide(
    execution: Execution,
    report: junit.Report | None,
    complaint: str,
    required: Required,
    missing: Sequence[str],
) -> tuple[Outcome, str]:
    """The first thing that speaks against a pass, the certain ones before the doubtful."""
    if execution.ended != "exit":
        return "failed", LIMIT_REASONS[execution.ended]
    code = execution.exit_code
    if report is None:
        return (
            ("suspect", f"exit code 0, but {complaint}")
            if code == 0
            else ("failed", f"exit code {code}; {complaint}")
        )
    if broken := report.names("failed", "error"):
        return "failed", f"{len(broken)} of {len(report.cases)} tests failed"
    if code != 0:
        said = "no tests were found" if not report.cases else "no test is reported as failing"
        return "failed", f"exit code {code}, although {said}" if report.cases else f"exit code {code}; {said}"
    doubt = _doubt(report, required, missing)
    return ("suspect", doubt) if doubt else ("passed", f"{len(report.names('passed'))} tests passed")


def _doubt(report: junit.Report, required: Required, missing: Sequence[str]) -> str:
    if not report.cases:
        return "exit code 0, but no test ran"
    if not report.names("passed"):
        return "every test was skipped"
    if report.claimed_problems:
        return f"the JUnit file counts {report.claimed_problems} failures but shows none"
    if 0 < report.claimed_tests < len(report.cases):
        return f"the JUnit file counts {report.claimed_tests} tests but shows {len(report.cases)}"
    if missing:
        return f"{len(missing)} tests that passed before did not pass now: {shown(missing)}"
    if len(report.cases) < required.tests:
        return f"{len(report.cases)} tests ran, but the base commit has {required.tests}"
    if hollow := sorted(set(report.hollow) - set(required.passed)):
        return f"no test of {shown(hollow)} was reported, only that it ended with 0"
    return ""


def shown(names: Sequence[str]) -> str:
    """The first few, for a sentence."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counted(verdict: Verdict, report: junit.Report) -> Verdict:
    broken = [case for case in report.cases if case.state in ("failed", "error")]
    return replace(
        verdict,
        tests=len(report.cases),
        failures=len(report.names("failed")),
        errors=len(report.names("error")),
        skipped=len(report.names("skipped")),
        failing=tuple(Failing(case.name, case.problem) for case in broken[:FAILING]),
        names=tuple(report.names("passed")),
        reported=True,
    )
