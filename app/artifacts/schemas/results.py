"""What the tests of the project said: `TestResults`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class FailingTest(Document):
    """One test that failed or broke."""

    name: str = Field(description="Name as the test runner gives it")
    message: str = Field(description="Why it failed, shortened")


class GateFinding(Document):
    """One thing that a gate found wrong."""

    message: str = Field(description="What is wrong")
    path: str | None = Field(description="File; null: the change as a whole")
    line: int | None = Field(description="Line in the file")


class GateFile(Document):
    """A file that a gate kept, such as a screenshot."""

    name: str = Field(description="Name of the file")
    media_type: str = Field(description="Like image/png")
    sha256: str = Field(description="Its digest, under which it is stored with the run")


class GateReport(Document):
    """What one gate said of the change."""

    name: str = Field(description="Name of the gate")
    kind: str = Field(description="How it checks")
    outcome: Literal["passed", "failed", "missing"] = Field(description="missing: its tool is not there")
    reason: str = Field(description="Why, in one sentence")
    findings: list[GateFinding] = Field(description="What is wrong")
    findings_total: int = Field(description="Findings, with those that are not listed", ge=0)
    files: list[GateFile] = Field(description="What it kept")
    duration_s: float = Field(description="Seconds it took", ge=0)


class TestResults(Document):
    """The verdict comes from the JUnit report, not from the exit code alone."""

    __test__ = False  # its name would make pytest collect it

    outcome: Literal["passed", "failed", "suspect"] = Field(description="suspect: not to be trusted")
    tests: int = Field(description="Tests in the report", ge=0)
    passed: int = Field(description="Tests that passed", ge=0)
    failures: int = Field(description="Tests that failed", ge=0)
    errors: int = Field(description="Tests that broke", ge=0)
    skipped: int = Field(description="Tests that did not run", ge=0)
    failing: list[FailingTest] = Field(description="Failed and broken tests")
    reason: str = Field(description="Why this outcome, in words")
    exit_code: int | None = Field(description="Null: the command was killed")
    ended: str = Field(description="How the command ended, like exit, timeout or memory")
    duration_s: float = Field(description="Seconds the command took", ge=0)
    output_tail: str = Field(description="End of what the command printed")
    base_tests: int | None = Field(
        default=None, description="Tests of the base commit; null: there was nothing to compare with", ge=0
    )
    control_tests: int | None = Field(
        default=None, description="Tests that had to fail and did; null: there was no control run", ge=0
    )
    missing: list[str] = Field(default=[], description="Tests that pass on the base commit and do not now")
    missing_total: int = Field(default=0, description="Missing tests, with those that are not listed", ge=0)
    gates: list[GateReport] = Field(default=[], description="What was checked before the tests")
