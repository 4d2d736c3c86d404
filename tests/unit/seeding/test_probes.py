"""The questions of a probe: five uses of structured answers, each with something to get right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.llm.dialects.translate import to_dialect
from app.llm.probing.case import Case, Verdict, judge
from app.seeding.files import SEEDS, load_probes

CASES = {case.name: case for case in load_probes()}
RIGHT: dict[str, dict[str, Any]] = {
    "expense": {"category": "transport", "amount": 2.75, "merchant": "", "recurring": False},
    "bug": {"kind": "division_by_zero", "severity": "high", "line": 5, "fix": "Return 0 for no values."},
    "routing": {"model": "qwen2.5-coder-7b", "complexity": "simple", "think": False, "reason": "Plain code."},
    "function": {
        "name": "findByEmail",
        "language": "java",
        "visibility": "public",
        "parameters": [{"name": "users", "type": "List<User>"}, {"name": "email", "type": "String"}],
        "returns": "Optional<User>",
    },
    "number": {"value": 42, "parity": "even", "is_prime": False, "fact": "The answer to everything."},
}
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def verdict(name: str, **changes: Any) -> Verdict:
    return judge(CASES[name], json.dumps(RIGHT[name] | changes))


def test_there_are_five_and_each_has_an_answer_here() -> None:
    assert CASES.keys() == RIGHT.keys()


@each
def test_a_right_answer_is_right(case: Case) -> None:
    assert judge(case, json.dumps(RIGHT[case.name])) == Verdict(True, True, True, True)


@each
def test_the_question_states_its_schema_and_has_a_closed_set(case: Case) -> None:
    assert json.dumps(case.schema.json_schema()) in case.system
    assert '"enum"' in case.system


@each
def test_the_question_does_not_give_its_answer_away(case: Case) -> None:
    assert json.dumps(RIGHT[case.name]) not in case.system + case.task


@each
def test_a_grammar_can_hold_all_of_the_schema(case: Case) -> None:
    for target in ("anthropic", "ollama", "openai"):
        assert to_dialect(case.schema.json_schema(), target).weakened == ()


@pytest.mark.parametrize("text", ["It is a bus ride.", "", "[1]", '{"category": "transport"'])
def test_prose_is_no_answer(text: str) -> None:
    assert judge(CASES["expense"], text) == Verdict()


def test_a_value_outside_of_its_closed_set_is_valid_json_and_no_more() -> None:
    assert verdict("expense", category="travel") == Verdict(valid=True)
    assert verdict("expense", category="Transport") == Verdict(valid=True)


def test_a_missing_value_of_a_closed_set_does_not_keep_to_it() -> None:
    answer = {name: value for name, value in RIGHT["expense"].items() if name != "category"}
    assert judge(CASES["expense"], json.dumps(answer)) == Verdict(valid=True)


def test_a_wrong_type_keeps_the_closed_sets_and_not_the_schema() -> None:
    assert verdict("expense", amount="2.75") == Verdict(valid=True, enums=True)
    assert verdict("function", parameters=[1]) == Verdict(valid=True, enums=True)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("expense", {"category": "food"}),
        ("expense", {"amount": 275}),
        ("bug", {"kind": "none"}),
        ("routing", {"model": "llama-vision"}),
        ("function", {"visibility": "private"}),
        ("number", {"parity": "odd"}),
        ("number", {"is_prime": True}),
    ],
)
def test_an_answer_that_fits_and_is_wrong_is_wrong(name: str, changes: dict[str, Any]) -> None:
    assert verdict(name, **changes) == Verdict(valid=True, enums=True, compliant=True)


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        ("name: number", "name: digits", "name", "name of the file"),
        ("parity: [even]", "sign: [plus]", "expect", "the schema has no sign"),
        ("type: object", "type: list", "schema", "type"),
        ("task: |", "tsk: |", "task", "required"),
    ],
)
def test_a_broken_question_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, place: str, what: str
) -> None:
    shutil.copytree(SEEDS / "probes", tmp_path / "probes")
    file = tmp_path / "probes" / "number.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(Invalid) as caught:
        load_probes(tmp_path)
    assert "number.yaml" in caught.value.message
    assert place in str(caught.value.details) + caught.value.message
    assert what in caught.value.message
