"""What a document must hold, and how a refusal tells a model what to change."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.artifacts.registry import SCHEMAS, schema
from app.artifacts.schemas.qa import check_consistent
from app.errors import SchemaMismatch
from tests.unit.artifacts.samples import (
    ARCHITECTURE,
    BROWSER_REPORT,
    CODE,
    COMMAND_RESULT,
    COMMIT,
    COMPONENT,
    DELIVERY,
    EPIC,
    HTTP_RESULT,
    QA_REPORT,
    TEST_RESULTS,
)

SAMPLES = {
    "EpicDeliverable": EPIC,
    "ArchitectureDeliverable": ARCHITECTURE,
    "ComponentSpec": COMPONENT,
    "MethodSpec": COMPONENT["public_interface"][0],
    "DeveloperDeliverable": CODE,
    "CodeFile": CODE["files"][0],
    "QADeliverable": QA_REPORT,
    "QAIssue": QA_REPORT["issues"][0],
    "TestResults": TEST_RESULTS,
    "CommitRecord": COMMIT,
    "DeliveryRecord": DELIVERY,
    "BrowserReport": BROWSER_REPORT,
    "CommandResult": COMMAND_RESULT,
    "HttpResult": HTTP_RESULT,
}
SOURCE_FIELDS = {
    "MethodSpec": "name purpose params returns raises",
    "ComponentSpec": "name purpose file_path size_estimate responsibilities dependencies public_interface "
    "error_handling test_count",
    "ArchitectureDeliverable": "epic_id components adrs test_strategy acceptance_criteria",
    "CodeFile": "path content imports classes functions tests_required",
    "DeveloperDeliverable": "files dependencies test_files migration_scripts edits",
    "QAIssue": "id severity category description location fix_required",
    "QADeliverable": "passed issues test_results recommendations",
    "EpicDeliverable": "title goal user_stories acceptance_criteria",
}
FORBIDDEN = {"patternProperties", "prefixItems", "oneOf", "allOf", "not"}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def errors_of(name: str, data: Any) -> list[str]:
    with pytest.raises(SchemaMismatch) as mismatch:
        schema(name).validate(data)
    return mismatch.value.errors


def changed(sample: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(sample), **fields}


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def inlined(node: Any, body: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
    """The schema without references; a reference to itself would never end."""
    if isinstance(node, list):
        return [inlined(item, body, above) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        assert name not in above, f"{name} contains itself"
        return inlined(body["$defs"][name], body, (*above, name))
    return {key: inlined(value, body, above) for key, value in node.items() if key != "$defs"}


NOT_ASKED_FOR = frozenset({"DeliveryRecord"})
"""No model answers with these, so they may hold what no grammar can describe."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_good_document_comes_back_as_plain_json(name: str) -> None:
    assert json.loads(json.dumps(schema(name).validate(SAMPLES[name]))) == SAMPLES[name]


@pytest.mark.parametrize("name", SOURCE_FIELDS)
def test_a_schema_has_the_agreed_fields(name: str) -> None:
    assert list(schema(name).json_schema()["properties"]) == SOURCE_FIELDS[name].split()


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_object_is_closed_and_every_field_is_described(name: str) -> None:
    for node in nodes(schema(name).json_schema()):
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["description"]
            assert [field for field, body in node["properties"].items() if not body.get("description")] == []


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name not in NOT_ASKED_FOR])
def test_no_schema_has_a_map_a_recursion_or_a_free_value(name: str) -> None:
    body = schema(name).json_schema()
    whole = inlined(body, body)
    for node in nodes(whole):
        assert not FORBIDDEN & set(node)
    for node in nodes(whole["properties"]):
        if isinstance(node.get("description"), str):
            assert {"type", "anyOf", "enum"} & set(node)


@pytest.mark.abuse(38)
@pytest.mark.parametrize("name", SCHEMAS)
def test_an_unknown_key_is_refused(name: str) -> None:
    assert errors_of(name, changed(SAMPLES[name], extra=1)) == ["extra: Extra inputs are not permitted"]


@pytest.mark.abuse(38)
@pytest.mark.parametrize("name", SCHEMAS)
@given(data=JSON_VALUES)
def test_whatever_comes_is_a_document_or_a_mismatch(name: str, data: Any) -> None:
    with suppress(SchemaMismatch):
        assert isinstance(schema(name).validate(data), dict)


def test_a_component_costs_less_than_500_tokens() -> None:
    assert len(json.dumps(COMPONENT)) / 3 < 500


@pytest.mark.parametrize(
    "purpose",
    [
        "Parses text, e.g. Markdown, i.e. JSON in a fence.",
        "Talks to Node.js Servers vs. Deno ones",
        "Ends with a mark!",
        "Returns 2.0 MiB at most.",
        "x" * 500,
    ],
)
def test_one_sentence_is_accepted(purpose: str) -> None:
    schema("ComponentSpec").validate(changed(COMPONENT, purpose=purpose))


@pytest.mark.parametrize(
    ("purpose", "error"),
    [
        ("Parses text. Then it stores it.", "must be one sentence, this has 2"),
        ("Really? Yes! It does.", "must be one sentence, this has 3"),
        ("(It parses.) And stores.", "must be one sentence, this has 2"),
        ("解析文本。保存结果。", "must be one sentence, this has 2"),
        ("Parses\ntext", "must be one line"),
        (" \t", "must not be empty"),
        ("x" * 501, "must have at most 500 characters"),
        (7, "should be a valid string"),
    ],
)
def test_a_purpose_that_is_no_sentence_is_refused_with_the_reason(purpose: Any, error: str) -> None:
    (line,) = errors_of("ComponentSpec", changed(COMPONENT, purpose=purpose))
    assert line.startswith("purpose: ")
    assert error in line


@pytest.mark.abuse(38)
@pytest.mark.parametrize(
    ("name", "fields", "error"),
    [
        ("ComponentSpec", {"size_estimate": "40"}, "size_estimate: Input should be a valid integer"),
        ("ComponentSpec", {"size_estimate": -1}, "size_estimate: Input should be greater than or equal to 0"),
        ("ComponentSpec", {"test_count": True}, "test_count: Input should be a valid integer"),
        ("TestResults", {"duration_s": float("inf")}, "duration_s: Input should be a finite number"),
        ("TestResults", {"outcome": "green"}, "outcome: Input should be 'passed', 'failed' or 'suspect'"),
        ("EpicDeliverable", {"user_stories": []}, "user_stories: List should have at least 1 item"),
        ("ArchitectureDeliverable", {"components": [COMPONENT, COMPONENT]}, "two have the name HealthRouter"),
        ("QADeliverable", {"passed": True}, "passed is true but QA-1 must be fixed"),
        ("QADeliverable", {"issues": []}, "passed is false but no issue says why"),
        ("QADeliverable", {"issues": [QA_REPORT["issues"][0]] * 2}, "issues: each id once"),
        ("CommitRecord", {"commit": "abc"}, "commit: String should have at least 40 characters"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(name: str, fields: dict[str, Any], error: str) -> None:
    (line,) = errors_of(name, changed(SAMPLES[name], **fields))
    assert error in line


def test_severity_and_category_are_read_in_any_case() -> None:
    issue = changed(QA_REPORT["issues"][0], severity="HIGH", category="Docs")
    read = schema("QAIssue").validate(issue)
    assert (read["severity"], read["category"]) == ("high", "docs")
    (line,) = errors_of("QAIssue", changed(issue, severity=3))
    assert line.startswith("severity: ")


def test_a_report_with_a_critical_issue_can_not_pass() -> None:
    issue = changed(QA_REPORT["issues"][0], severity="critical")
    (line,) = errors_of("QADeliverable", changed(QA_REPORT, passed=True, issues=[issue]))
    assert "QA-2 must be fixed: inconsistent" in line


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.py", "```python\nx = 1\n```"),
        ("a.py", "\n \n~~~\nx = 1\n~~~\n"),
        ("a.md", "```markdown\n# Title\n```"),
        ("a.MD", "```md\n# Title\n```"),
    ],
)
def test_content_in_a_fence_is_refused(path: str, content: str) -> None:
    (line,) = errors_of("CodeFile", changed(CODE["files"][0], path=path, content=content))
    assert "wrapped in a Markdown fence" in line


@pytest.mark.parametrize(
    ("path", "content"), [("a.md", "```sh\nls\n```\n"), ("a.py", '"""\n```\n"""\n'), ("empty.py", "")]
)
def test_content_that_only_holds_a_fence_is_accepted(path: str, content: str) -> None:
    schema("CodeFile").validate(changed(CODE["files"][0], path=path, content=content))


def one_path_twice(code: dict[str, Any]) -> None:
    code["migration_scripts"] = [changed(CODE["files"][0], path="App/routers/health.py")]


def whole_and_edited(code: dict[str, Any]) -> None:
    code["edits"] = [{"path": CODE["files"][0]["path"], "search": "a", "replace": "b"}]


def many_edits(code: dict[str, Any]) -> None:
    code["edits"] = [{"path": "a.py", "search": str(n), "replace": ""} for n in range(501)]


def no_file(code: dict[str, Any]) -> None:
    code.update(files=[], test_files=[])


def many_files(code: dict[str, Any]) -> None:
    code["files"] = [changed(CODE["files"][0], path=f"f{n}.py") for n in range(200)]


def a_large_file(code: dict[str, Any]) -> None:
    code["files"][0]["content"] = "é" * (1024 * 1024 + 1)


def large_files(code: dict[str, Any]) -> None:
    text = "x" * (2 * 1024 * 1024)
    code["files"] = [changed(CODE["files"][0], path=f"f{n}.py", content=text) for n in range(11)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (one_path_twice, "repeated: App/routers/health.py"),
        (whole_and_edited, "whole or by edits; repeated: app/routers/health.py"),
        (many_edits, "at most 500 edits in all, this has 501"),
        (no_file, "at least one file is needed"),
        (many_files, "at most 200 files in all, this has 201"),
        (a_large_file, "app/routers/health.py is larger than 2 MiB"),
        (large_files, "at most 20 MiB in all"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(
    change: Callable[[dict[str, Any]], None], error: str
) -> None:
    code = copy.deepcopy(CODE)
    change(code)
    (line,) = errors_of("DeveloperDeliverable", code)
    assert error in line


def test_lists_that_may_be_left_out_come_back_empty() -> None:
    code = copy.deepcopy(CODE)
    del code["migration_scripts"]
    assert schema("DeveloperDeliverable").validate(code)["migration_scripts"] == []


def test_a_mismatch_has_at_most_21_lines() -> None:
    lines = errors_of("EpicDeliverable", {f"key{n}": n for n in range(50)})
    assert len(lines) == 21
    assert lines[-1] == "document: 34 more errors"


def passing(failures: int = 0) -> dict[str, Any]:
    return {"passed": True, "issues": [], "test_results": {"tests": 4, "failures": failures, "skipped": 0}}


def test_a_passing_report_agrees_with_passing_tests() -> None:
    assert check_consistent(passing(), TEST_RESULTS) == []
    assert check_consistent(passing(), None) == []


def test_a_report_that_passes_failing_tests_is_inconsistent() -> None:
    failed = changed(
        TEST_RESULTS, outcome="failed", failures=1, failing=[{"name": "test_a", "message": "assert 0"}]
    )
    assert check_consistent(passing(), failed) == [
        "passed: true, but the test run is failed: test_a",
        "test_results.failures: 0, but the test run counted 1",
    ]
    assert check_consistent(QA_REPORT, failed) == []


def test_a_report_that_passes_a_suspect_run_is_inconsistent() -> None:
    suspect = changed(TEST_RESULTS, outcome="suspect", reason="no JUnit report")
    assert check_consistent(passing(), suspect) == [
        "passed: true, but the test run is suspect: no JUnit report"
    ]
