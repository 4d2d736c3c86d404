"""The shipped seeds, the sample repository and the recorded answers."""

import json
from dataclasses import dataclass

import pytest

from app.seeding.demo import CASSETTE, create_sample_repository, sample_files
from app.seeding.files import load_seeds


@dataclass(frozen=True)
class Recorded:
    definition: str
    phase: str
    round: int
    answer: dict


@pytest.fixture(scope="session")
def seeds():
    return load_seeds()


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    return create_sample_repository(tmp_path_factory.mktemp("sample") / "orders")


@pytest.fixture(scope="session")
def recording():
    """Every answer of the cassette, in its order."""
    lines = [json.loads(line) for line in CASSETTE.read_text("utf-8").splitlines()[1:]]
    return [Recorded(x["definition"], x["phase"], x["round"], x["json"]) for x in lines]


@pytest.fixture(scope="session")
def answer(recording):
    """The recorded answer of one phase and round."""
    by_key = {(x.definition, x.phase, x.round): x.answer for x in recording}
    return lambda phase, round=0, definition="software": by_key[definition, phase, round]


@pytest.fixture(scope="session")
def baseline_code(repository):
    files = [
        {"path": path, "content": (repository / path).read_text("utf-8")} for path in sorted(sample_files())
    ]
    left_out = [{"path": "data/large.csv", "reason": "over the budget", "tokens": 90_000}]
    paths = [file["path"] for file in files]
    part = {"path": "long.py", "first_line": 1, "last_line": 1, "of_lines": 900, "content": "import re\n"}
    return {
        "files": files,
        "map": paths,
        "map_total": len(paths),
        "left_out": left_out,
        "left_out_total": len(left_out),
        "symbols": ["app/pay.py: class Till"],
        "symbols_shown": 1,
        "symbols_total": 5,
        "parts": [part],
    }


@pytest.fixture(scope="session")
def variables(answer, baseline_code):
    """A value for every variable that a prompt may use, as a run on the sample repository gives them."""
    artifacts = {"epic": answer("pm"), "architecture": answer("architect"), "code": answer("developer")}
    return {
        "epic_description": "Add health check endpoint",
        "previous_artifacts": artifacts,
        "baseline_code": baseline_code,
        "test_results": {"outcome": "failed", "failing": [{"name": "test_x", "message": "TypeError"}]},
        "issues": [{"source": "test", "text": "tests.test_health: TypeError"}],
        "round": 1,
        "item": "",
        "instruction": "Draw the ball at rest",
        "errors": ["title: Field required"],
        "subject": "GET /health answers 503",
        "criteria": ["Names the status code"],
        "task": "add two numbers",
        "context": "",
        "text": "subway fare, 2.75",
        "labels": ["food", "transport"],
        "max_words": 20,
        "language": "Portuguese",
    }
