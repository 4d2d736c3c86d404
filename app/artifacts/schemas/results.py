"""What the tests of the project said: `TestResults`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class FailingTest(Document):
    """One test that failed or broke."""

    name: str = Field(description="Name as the test runner gives it")
    message: str = Field(description="Why it failed, shortened")


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
