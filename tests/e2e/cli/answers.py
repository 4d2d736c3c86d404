"""Recorded answers for `software-small`, written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LISTS = ("imports", "classes", "functions", "tests_required")


def cassette(path: Path, epic: str, *entries: Mapping[str, Any]) -> str:
    """The path of a recording of this epic."""
    lines: list[Mapping[str, Any]] = [{"cassette": 1, "epics": [epic], "source": "written by hand"}]
    lines += [{"definition": "software-small", **entry} for entry in entries]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def code(files: Mapping[str, str], round_: int = 0, step: int = 0) -> dict[str, Any]:
    """A developer's answer: path → content."""
    body = [{"path": path, "content": text, **{name: [] for name in LISTS}} for path, text in files.items()]
    answer = {"files": body, "test_files": [], "dependencies": []}
    return {"phase": "developer", "round": round_, "step": step, "json": answer}


def review(round_: int = 0, *, tests: int, issue: str | None = None) -> dict[str, Any]:
    """A reviewer's answer; with an issue the work goes back."""
    found = {
        "id": "QA-1",
        "severity": "high",
        "category": "code",
        "description": issue,
        "location": "calc.py:1",
        "fix_required": True,
    }
    answer = {
        "passed": issue is None,
        "issues": [found] if issue else [],
        "test_results": {"tests": tests, "failures": 0, "skipped": 0},
        "recommendations": [],
    }
    return {"phase": "qa", "round": round_, "json": answer}
