"""What the reviewer hands on: `QADeliverable`, and whether it agrees with the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.qa_issue import QAIssue
from app.artifacts.schemas.text import Line


class TestSummary(Document):
    """The counts of the test run, as the reviewer read them."""

    __test__ = False  # its name would make pytest collect it

    tests: int = Field(description="Tests run", ge=0)
    failures: int = Field(description="Tests that failed or broke", ge=0)
    skipped: int = Field(description="Tests skipped", ge=0)


class QADeliverable(Document):
    """A review of the change: it passes only if nothing must be fixed."""

    passed: bool = Field(description="False if any issue is critical or has fix_required")
    issues: list[QAIssue] = Field(description="Empty if there are none")
    test_results: TestSummary = Field(description="Copied from the test run")
    recommendations: list[Line] = Field(description="Bullet points, none of them required")

    @model_validator(mode="after")
    def _verdict_follows_from_the_issues(self) -> QADeliverable:
        ids = [issue.id for issue in self.issues]
        if len(set(ids)) < len(ids):
            raise ValueError("issues: each id once")
        blocking = [issue.id for issue in self.issues if issue.fix_required or issue.severity == "critical"]
        if self.passed and blocking:
            raise ValueError(f"passed is true but {', '.join(blocking)} must be fixed: inconsistent")
        if not self.passed and not self.issues:
            raise ValueError("passed is false but no issue says why: inconsistent")
        return self


def check_consistent(report: Mapping[str, Any], test_results: Mapping[str, Any] | None) -> list[str]:
    """One `path: what` line for each way in which a passing report contradicts the test run."""
    if test_results is None or not report["passed"]:
        return []
    lines = []
    if test_results["outcome"] != "passed":
        names = ", ".join(test["name"] for test in test_results["failing"][:5])
        because = names or test_results["reason"]
        lines.append(f"passed: true, but the test run is {test_results['outcome']}: {because}")
    broken = test_results["failures"] + test_results["errors"]
    claimed = report["test_results"]["failures"]
    if claimed != broken:
        lines.append(f"test_results.failures: {claimed}, but the test run counted {broken}")
    return lines
