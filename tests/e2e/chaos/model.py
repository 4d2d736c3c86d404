"""A model server whose answers are all different and often faulty."""

from __future__ import annotations

import json
import random

from tests.stub import Stub
from tests.stub.shapes import Shape

FAULTS = (
    "500", "503", "529", "429-plain", "429-ms", "html-502", "malformed", "no_content",
    "drop", "cut", "drip", "prose", "ok", "empty", "max_tokens",
)  # fmt: skip
"""`ok` is a valid document of another schema; `drip` never ends."""
REJECTED = 0.05
"""Share of the reviews that send the work back."""
FILE: dict[str, list[str]] = {"imports": [], "classes": [], "functions": [], "tests_required": []}


class Model(Stub):
    """Answers developers and reviewers; each answer is unlike any other, so that nothing hides a double."""

    def __init__(self, seed: int, fault_share: float) -> None:
        super().__init__("openai")
        self._random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self._share = fault_share
        self.asked = 0
        self.faults = 0

    def _take(self) -> str | Shape:
        request = self.requests.pop()
        self.asked += 1
        if self._random.random() < self._share:
            self.faults += 1
            return self._random.choice(FAULTS)
        schema = request.body["response_format"]["json_schema"]["name"]
        body = self._review() if "QA" in schema else self._code()
        return Shape(text=json.dumps(body))

    def _code(self) -> dict[str, object]:
        file = {"path": "src/value.py", "content": f"VALUE = {self.asked}\n", **FILE}
        return {"files": [file], "test_files": [], "dependencies": [], "migration_scripts": []}

    def _review(self) -> dict[str, object]:
        passed = self._random.random() > REJECTED
        issue = {
            "id": "QA-1",
            "severity": "high",
            "category": "code",
            "description": f"Wrong, says answer {self.asked}",
            "location": "src/value.py:1",
            "fix_required": True,
        }
        return {
            "passed": passed,
            "issues": [] if passed else [issue],
            "test_results": {"tests": 1, "failures": 0, "skipped": 0},
            "recommendations": [f"Answer {self.asked}"],
        }
